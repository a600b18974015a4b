"""The workloads: each shares seeded inputs, runs its timed part, and compares the result with the clear.

The timed part is written as the author of a scenario would write it, with operators on secret arrays.
"""

from __future__ import annotations

from parties.bench.workloads.arithmetic import Chain, Dot, Matmul, Multiply, MultiplyInt
from parties.bench.workloads.base import Workload
from parties.bench.workloads.comparison import Equal, Less, Less32, Select
from parties.bench.workloads.cox import Cox
from parties.bench.workloads.exchange import Input, Open
from parties.bench.workloads.gwas import Gwas
from parties.bench.workloads.joins import Join, JoinMany
from parties.bench.workloads.linking import Linkage, LinkageOfOneBlock
from parties.bench.workloads.logistic import LogisticBreastCancer, LogisticSgd
from parties.bench.workloads.logit import Logit
from parties.bench.workloads.mlp import MlpPredict
from parties.bench.workloads.numeric import Divide, Exp, Log, Sigmoid, Softmax, Sqrt
from parties.bench.workloads.ols import Ols
from parties.bench.workloads.order import Quantile, Shuffle, Sort, Sort64
from parties.bench.workloads.sql import Sql
from parties.bench.workloads.statistics import MannWhitney, MantelHaenszel
from parties.bench.workloads.survival import KaplanMeier
from parties.bench.workloads.tables import Distinct, GroupBy, Median

WORKLOADS: dict[str, type[Workload]] = {
    "multiply_int": MultiplyInt,
    "multiply": Multiply,
    "dot": Dot,
    "matmul": Matmul,
    "less_than": Less,
    "less_than_32": Less32,
    "equal": Equal,
    "select": Select,
    "divide": Divide,
    "sqrt": Sqrt,
    "exp": Exp,
    "log": Log,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "shuffle": Shuffle,
    "sort_32": Sort,
    "sort_64": Sort64,
    "quantile": Quantile,
    "join": Join,
    "join_many": JoinMany,
    "group_by": GroupBy,
    "median": Median,
    "distinct": Distinct,
    "sql": Sql,
    "mann_whitney": MannWhitney,
    "mantel_haenszel": MantelHaenszel,
    "linkage": Linkage,
    "linkage_one_block": LinkageOfOneBlock,
    "kaplan_meier": KaplanMeier,
    "cox": Cox,
    "logistic_sgd": LogisticSgd,
    "logistic_breast_cancer": LogisticBreastCancer,
    "logit": Logit,
    "ols": Ols,
    "gwas": Gwas,
    "mlp_predict": MlpPredict,
    "chain": Chain,
    "input": Input,
    "open": Open,
}
