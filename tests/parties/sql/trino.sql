-- Check
SELECT
  COUNT(*) AS "rows",
  COUNT(*) FILTER(WHERE
    "t3"."unfit") AS "unfit",
  COUNT(*) FILTER(WHERE
    "t3"."age" IS NULL) AS "missing age",
  COUNT(*) FILTER(WHERE
    (
      "t3"."age" IS NULL
    ) AND NOT (
      "t3"."unfit"
    )) AS "kept age",
  COUNT(*) FILTER(WHERE
    "t3"."smoker" IS NULL) AS "missing smoker",
  COUNT(*) FILTER(WHERE
    (
      "t3"."smoker" IS NULL
    ) AND NOT (
      "t3"."unfit"
    )) AS "kept smoker",
  COUNT(*) FILTER(WHERE
    (
      "t3"."ward" IS NULL
    ) AND NOT (
      "t3"."unread ward"
    )) AS "missing ward",
  COUNT(*) FILTER(WHERE
    (
      "t3"."ward" IS NULL
    )
    AND NOT (
      "t3"."unread ward"
    )
    AND NOT (
      "t3"."unfit"
    )) AS "kept ward",
  COUNT(*) FILTER(WHERE
    "t3"."unread ward") AS "unread ward",
  COUNT(*) FILTER(WHERE
    "t3"."outside age") AS "outside age"
FROM (
  SELECT
    "t2"."age",
    "t2"."smoker",
    "t2"."ward",
    "t2"."unread ward",
    "t2"."outside age",
    COALESCE("t2"."outside age", FALSE) AS "unfit"
  FROM (
    SELECT
      "t1"."age",
      "t1"."smoker",
      "t1"."ward",
      "t1"."unread ward",
      COALESCE(
        (
          "t1"."age" < CAST(0 AS DOUBLE)
        ) OR (
          "t1"."age" > CAST(120 AS DOUBLE)
        ),
        FALSE
      ) AS "outside age"
    FROM (
      SELECT
        CASE
          WHEN COALESCE((
            "t0"."age" = CAST(-1 AS DOUBLE)
          ) OR IS_NAN("t0"."age"), FALSE)
          THEN CAST(NULL AS DOUBLE)
          ELSE "t0"."age"
        END AS "age",
        CASE
          WHEN "t0"."smoker" = FALSE
          THEN FALSE
          WHEN "t0"."smoker" = TRUE
          THEN TRUE
          ELSE NULL
        END AS "smoker",
        CASE
          WHEN "t0"."ward" = 'surgery'
          THEN 0
          WHEN "t0"."ward" = 'medicine'
          THEN 1
          WHEN "t0"."ward" = 'other'
          THEN 2
          ELSE NULL
        END AS "ward",
        COALESCE(
          (
            "t0"."ward" IS NOT NULL
          )
          AND (
            CASE
              WHEN "t0"."ward" = 'surgery'
              THEN 0
              WHEN "t0"."ward" = 'medicine'
              THEN 1
              WHEN "t0"."ward" = 'other'
              THEN 2
              ELSE NULL
            END IS NULL
          )
          AND NOT (
            "t0"."ward" IN ('', '?')
          ),
          FALSE
        ) AS "unread ward"
      FROM "people" AS "t0"
    ) AS "t1"
  ) AS "t2"
) AS "t3"

-- Pass 1
SELECT
  COUNT(*) AS "rows",
  COUNT(*) FILTER(WHERE
    "t2"."unfit") AS "unfit",
  COUNT(*) FILTER(WHERE
    (
      "t2"."age" > CAST('60.5' AS DOUBLE)
    ) AND "t2"."smoker") AS "count 0",
  COUNT(*) FILTER(WHERE
    (
      "t2"."age" > CAST('60.5' AS DOUBLE)
    )
    AND "t2"."smoker"
    AND (
      "t2"."age" IS NULL
    )) AS "missing 0 1",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 0
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 0
    )) AS "cell 0 2",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 0
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 1
    )) AS "cell 1 3",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 1
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 0
    )) AS "cell 2 4",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 1
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 1
    )) AS "cell 3 5",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 2
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 0
    )) AS "cell 4 6",
  COUNT(*) FILTER(WHERE
    (
      "t2"."ward" = 2
    )
    AND (
      CAST(CAST("t2"."smoker" AS INTEGER) AS BIGINT) = 1
    )) AS "cell 5 7",
  COUNT("t2"."age") AS "n 8",
  AVG("t2"."age") AS "mean 9",
  MIN("t2"."age") AS "least 10",
  MAX("t2"."age") AS "most 11"
FROM (
  SELECT
    "t1"."age",
    "t1"."smoker",
    "t1"."ward",
    COALESCE(
      "t1"."unfit"
      OR (
        (
          "t1"."age" < CAST(0 AS DOUBLE)
        ) OR (
          "t1"."age" > CAST(120 AS DOUBLE)
        )
      ),
      FALSE
    ) AS "unfit"
  FROM (
    SELECT
      CASE
        WHEN COALESCE((
          "t0"."age" = CAST(-1 AS DOUBLE)
        ) OR IS_NAN("t0"."age"), FALSE)
        THEN CAST(NULL AS DOUBLE)
        ELSE "t0"."age"
      END AS "age",
      CASE
        WHEN "t0"."smoker" = FALSE
        THEN FALSE
        WHEN "t0"."smoker" = TRUE
        THEN TRUE
        ELSE NULL
      END AS "smoker",
      CASE
        WHEN "t0"."ward" = 'surgery'
        THEN 0
        WHEN "t0"."ward" = 'medicine'
        THEN 1
        WHEN "t0"."ward" = 'other'
        THEN 2
        ELSE NULL
      END AS "ward",
      COALESCE(
        (
          "t0"."ward" IS NOT NULL
        )
        AND (
          CASE
            WHEN "t0"."ward" = 'surgery'
            THEN 0
            WHEN "t0"."ward" = 'medicine'
            THEN 1
            WHEN "t0"."ward" = 'other'
            THEN 2
            ELSE NULL
          END IS NULL
        )
        AND NOT (
          "t0"."ward" IN ('', '?')
        ),
        FALSE
      ) AS "unfit"
    FROM "people" AS "t0"
  ) AS "t1"
) AS "t2"

-- Pass 1
SELECT
  "t2"."key",
  COUNT("t2"."age") AS "n",
  AVG("t2"."age") AS "mean",
  MIN("t2"."age") AS "least",
  MAX("t2"."age") AS "most"
FROM (
  SELECT
    "t1"."age",
    "t1"."smoker",
    "t1"."ward",
    COALESCE(
      "t1"."unfit"
      OR (
        (
          "t1"."age" < CAST(0 AS DOUBLE)
        ) OR (
          "t1"."age" > CAST(120 AS DOUBLE)
        )
      ),
      FALSE
    ) AS "unfit",
    "t1"."ward" AS "key"
  FROM (
    SELECT
      CASE
        WHEN COALESCE((
          "t0"."age" = CAST(-1 AS DOUBLE)
        ) OR IS_NAN("t0"."age"), FALSE)
        THEN CAST(NULL AS DOUBLE)
        ELSE "t0"."age"
      END AS "age",
      CASE
        WHEN "t0"."smoker" = FALSE
        THEN FALSE
        WHEN "t0"."smoker" = TRUE
        THEN TRUE
        ELSE NULL
      END AS "smoker",
      CASE
        WHEN "t0"."ward" = 'surgery'
        THEN 0
        WHEN "t0"."ward" = 'medicine'
        THEN 1
        WHEN "t0"."ward" = 'other'
        THEN 2
        ELSE NULL
      END AS "ward",
      COALESCE(
        (
          "t0"."ward" IS NOT NULL
        )
        AND (
          CASE
            WHEN "t0"."ward" = 'surgery'
            THEN 0
            WHEN "t0"."ward" = 'medicine'
            THEN 1
            WHEN "t0"."ward" = 'other'
            THEN 2
            ELSE NULL
          END IS NULL
        )
        AND NOT (
          "t0"."ward" IN ('', '?')
        ),
        FALSE
      ) AS "unfit"
    FROM "people" AS "t0"
  ) AS "t1"
  WHERE
    "t1"."age" IS NOT NULL AND "t1"."ward" IN (0, 2)
) AS "t2"
GROUP BY
  1

-- Pass 2
SELECT
  COUNT(*) AS "rows",
  COUNT(*) FILTER(WHERE
    "t2"."unfit") AS "unfit",
  SUM(CAST((
    "t2"."age" - CAST('…' AS DOUBLE)
  ) / CAST('…' AS DOUBLE) AS BIGINT)) AS "d whole 0",
  SUM(
    (
      "t2"."age" - CAST('…' AS DOUBLE)
    ) - (
      CAST(CAST((
        "t2"."age" - CAST('…' AS DOUBLE)
      ) / CAST('…' AS DOUBLE) AS BIGINT) AS DOUBLE) * CAST('…' AS DOUBLE)
    )
  ) AS "d rest 1",
  SUM(
    CAST((
      (
        "t2"."age" - CAST('…' AS DOUBLE)
      ) * (
        "t2"."age" - CAST('…' AS DOUBLE)
      )
    ) / CAST('…' AS DOUBLE) AS BIGINT)
  ) AS "dd whole 2",
  SUM(
    (
      (
        "t2"."age" - CAST('…' AS DOUBLE)
      ) * (
        "t2"."age" - CAST('…' AS DOUBLE)
      )
    ) - (
      CAST(CAST((
        (
          "t2"."age" - CAST('…' AS DOUBLE)
        ) * (
          "t2"."age" - CAST('…' AS DOUBLE)
        )
      ) / CAST('…' AS DOUBLE) AS BIGINT) AS DOUBLE) * CAST('…' AS DOUBLE)
    )
  ) AS "dd rest 3"
FROM (
  SELECT
    "t1"."age",
    "t1"."smoker",
    "t1"."ward",
    COALESCE(
      "t1"."unfit"
      OR (
        (
          "t1"."age" < CAST(0 AS DOUBLE)
        ) OR (
          "t1"."age" > CAST(120 AS DOUBLE)
        )
      ),
      FALSE
    ) AS "unfit"
  FROM (
    SELECT
      CASE
        WHEN COALESCE((
          "t0"."age" = CAST(-1 AS DOUBLE)
        ) OR IS_NAN("t0"."age"), FALSE)
        THEN CAST(NULL AS DOUBLE)
        ELSE "t0"."age"
      END AS "age",
      CASE
        WHEN "t0"."smoker" = FALSE
        THEN FALSE
        WHEN "t0"."smoker" = TRUE
        THEN TRUE
        ELSE NULL
      END AS "smoker",
      CASE
        WHEN "t0"."ward" = 'surgery'
        THEN 0
        WHEN "t0"."ward" = 'medicine'
        THEN 1
        WHEN "t0"."ward" = 'other'
        THEN 2
        ELSE NULL
      END AS "ward",
      COALESCE(
        (
          "t0"."ward" IS NOT NULL
        )
        AND (
          CASE
            WHEN "t0"."ward" = 'surgery'
            THEN 0
            WHEN "t0"."ward" = 'medicine'
            THEN 1
            WHEN "t0"."ward" = 'other'
            THEN 2
            ELSE NULL
          END IS NULL
        )
        AND NOT (
          "t0"."ward" IN ('', '?')
        ),
        FALSE
      ) AS "unfit"
    FROM "people" AS "t0"
  ) AS "t1"
) AS "t2"

-- Pass 2
SELECT
  "t2"."key",
  SUM(
    CAST(CAST((
      "t2"."age" - CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END
    ) AS DOUBLE) / CASE
      WHEN "t2"."ward" = 0
      THEN CAST('…' AS DOUBLE)
      WHEN "t2"."ward" = 2
      THEN CAST('…' AS DOUBLE)
      ELSE NULL
    END AS BIGINT)
  ) AS "d whole",
  SUM(
    (
      "t2"."age" - CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END
    ) - (
      CAST(CAST(CAST((
        "t2"."age" - CASE
          WHEN "t2"."ward" = 0
          THEN CAST('…' AS DOUBLE)
          WHEN "t2"."ward" = 2
          THEN CAST('…' AS DOUBLE)
          ELSE NULL
        END
      ) AS DOUBLE) / CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END AS BIGINT) AS DOUBLE) * CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END
    )
  ) AS "d rest",
  SUM(
    CAST(CAST((
      (
        "t2"."age" - CASE
          WHEN "t2"."ward" = 0
          THEN CAST('…' AS DOUBLE)
          WHEN "t2"."ward" = 2
          THEN CAST('…' AS DOUBLE)
          ELSE NULL
        END
      ) * (
        "t2"."age" - CASE
          WHEN "t2"."ward" = 0
          THEN CAST('…' AS DOUBLE)
          WHEN "t2"."ward" = 2
          THEN CAST('…' AS DOUBLE)
          ELSE NULL
        END
      )
    ) AS DOUBLE) / CASE
      WHEN "t2"."ward" = 0
      THEN CAST('…' AS DOUBLE)
      WHEN "t2"."ward" = 2
      THEN CAST('…' AS DOUBLE)
      ELSE NULL
    END AS BIGINT)
  ) AS "dd whole",
  SUM(
    (
      (
        "t2"."age" - CASE
          WHEN "t2"."ward" = 0
          THEN CAST('…' AS DOUBLE)
          WHEN "t2"."ward" = 2
          THEN CAST('…' AS DOUBLE)
          ELSE NULL
        END
      ) * (
        "t2"."age" - CASE
          WHEN "t2"."ward" = 0
          THEN CAST('…' AS DOUBLE)
          WHEN "t2"."ward" = 2
          THEN CAST('…' AS DOUBLE)
          ELSE NULL
        END
      )
    ) - (
      CAST(CAST(CAST((
        (
          "t2"."age" - CASE
            WHEN "t2"."ward" = 0
            THEN CAST('…' AS DOUBLE)
            WHEN "t2"."ward" = 2
            THEN CAST('…' AS DOUBLE)
            ELSE NULL
          END
        ) * (
          "t2"."age" - CASE
            WHEN "t2"."ward" = 0
            THEN CAST('…' AS DOUBLE)
            WHEN "t2"."ward" = 2
            THEN CAST('…' AS DOUBLE)
            ELSE NULL
          END
        )
      ) AS DOUBLE) / CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END AS BIGINT) AS DOUBLE) * CASE
        WHEN "t2"."ward" = 0
        THEN CAST('…' AS DOUBLE)
        WHEN "t2"."ward" = 2
        THEN CAST('…' AS DOUBLE)
        ELSE NULL
      END
    )
  ) AS "dd rest"
FROM (
  SELECT
    "t1"."age",
    "t1"."smoker",
    "t1"."ward",
    COALESCE(
      "t1"."unfit"
      OR (
        (
          "t1"."age" < CAST(0 AS DOUBLE)
        ) OR (
          "t1"."age" > CAST(120 AS DOUBLE)
        )
      ),
      FALSE
    ) AS "unfit",
    "t1"."ward" AS "key"
  FROM (
    SELECT
      CASE
        WHEN COALESCE((
          "t0"."age" = CAST(-1 AS DOUBLE)
        ) OR IS_NAN("t0"."age"), FALSE)
        THEN CAST(NULL AS DOUBLE)
        ELSE "t0"."age"
      END AS "age",
      CASE
        WHEN "t0"."smoker" = FALSE
        THEN FALSE
        WHEN "t0"."smoker" = TRUE
        THEN TRUE
        ELSE NULL
      END AS "smoker",
      CASE
        WHEN "t0"."ward" = 'surgery'
        THEN 0
        WHEN "t0"."ward" = 'medicine'
        THEN 1
        WHEN "t0"."ward" = 'other'
        THEN 2
        ELSE NULL
      END AS "ward",
      COALESCE(
        (
          "t0"."ward" IS NOT NULL
        )
        AND (
          CASE
            WHEN "t0"."ward" = 'surgery'
            THEN 0
            WHEN "t0"."ward" = 'medicine'
            THEN 1
            WHEN "t0"."ward" = 'other'
            THEN 2
            ELSE NULL
          END IS NULL
        )
        AND NOT (
          "t0"."ward" IN ('', '?')
        ),
        FALSE
      ) AS "unfit"
    FROM "people" AS "t0"
  ) AS "t1"
  WHERE
    "t1"."age" IS NOT NULL AND "t1"."ward" IN (0, 2)
) AS "t2"
GROUP BY
  1
