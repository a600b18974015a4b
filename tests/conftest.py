"""Hypothesis profiles: few examples without a deadline by default, more with HYPOTHESIS_PROFILE=thorough."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("comity", max_examples=25, **_COMMON)
settings.register_profile("ci", max_examples=25, derandomize=True, **_COMMON)
settings.register_profile("thorough", max_examples=400, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "comity"))

#: Further cases of what one or two others show already, mostly of many processes: slow ones that `.ci/run` leaves out.
#: All of them run with  python -m pytest -m exhaustive
EXHAUSTIVE = (
    "test_five.py::test_whoever_is_killed_is_named_within_ten_seconds[1",
    "test_five.py::test_whoever_is_killed_is_named_within_ten_seconds[2",
    "test_five.py::test_whoever_is_killed_is_named_within_ten_seconds[3",
    "test_five.py::test_one_of_five_that_never_comes_is_named[0",
    "test_five.py::test_other_numbers_of_organizations",
    "test_demo.py::test_any_number_of_organizations[3-",
    "test_demo.py::test_any_number_of_organizations[4-",
    "test_demo.py::test_any_number_of_organizations[5-options3",
    "test_demo.py::test_any_number_of_organizations[7-options4",
    "test_contributors.py::test_it_may_be_gone_when_all_have_it_and_fetch_its_results_as_files",
    "test_contributors.py::test_results_that_nobody_fetched_stay_as_files",
    "test_contributors.py::test_who_has_it_and_who_has_not",
    "test_contributors.py::test_a_damaged_file_ends_the_run_before_it_begins",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[numbers_of_all_kinds-5",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[groups-5",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[arrays-5",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[lists_and_statistics-5",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[coroutines-5",
    "test_mpyc_programs.py::test_options_of_the_program_and_of_mpyc[--no",
    "test_mpyc_programs.py::test_thresholds[4-1",
    "test_mpyc_programs.py::test_thresholds[5-1",
    "test_mpyc_programs.py::test_thresholds[9-4",
    "test_mpyc_failures.py::test_a_killed_party_is_named_whatever_the_others_do[computes",
    "test_mpyc_failures.py::test_a_killed_party_is_named_whatever_the_others_do[sleeps",
    "test_mpyc_failures.py::test_a_peer_that_breaks_the_rules_is_refused[element-",
    "test_mpyc_failures.py::test_a_peer_that_breaks_the_rules_is_refused[cut-",
    "test_mpyc_failures.py::test_other_arguments_are_no_agreement[option",
    "test_mpyc_failures.py::test_other_arguments_are_no_agreement[threshold",
    "test_mpyc_failures.py::test_a_program_that_fails_at_one_party[exits",
    "test_mpyc_failures.py::test_a_program_that_fails_at_one_party[says",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[groups-3",
    "test_mpyc_programs.py::test_the_output_is_that_of_mpyc[lists_and_statistics-3",
    "test_mpyc_programs.py::test_options_of_the_program_and_of_mpyc[-L20",
    "test_mpyc_programs.py::test_options_of_the_program_and_of_mpyc[-h",
    "test_mpyc_programs.py::test_thresholds[5-2",
    "test_mpyc_failures.py::test_a_killed_party_is_named_whatever_the_others_do[loop",
    "test_mpyc_failures.py::test_a_long_computation_at_one_party_is_waited_for",
    "test_mpyc_failures.py::test_a_peer_that_breaks_the_rules_is_refused[pickle-objects",
    "test_mpyc_failures.py::test_line_ends_are_not_compared",
    "test_mpyc_failures.py::test_a_program_that_fails_at_one_party[object",
    "test_mpyc_failures.py::test_parties_that_wait_for_each_other_do_not_wait_for_ever",
    "test_mpyc_failures.py::test_a_party_that_ends_early_is_named",
    "test_contributors.py::test_another_study_is_shown_as_a_difference_and_stops_nobody_else",
    "test_contributors.py::test_who_never_contributes_is_named",
    "test_contributors.py::test_each_has_its_own_command",
    "test_five.py::test_one_of_five_that_never_comes_is_named[4",
    "test_five.py::test_another_threshold_is_another_study",
    "test_demo.py::test_any_number_of_organizations[5-options2",
    "test_views.py::test_any_t_of_more_parties_receive_uniform_messages[7-",
    "[shamir 7 2-",
    "[shamir 7 2]",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the exhaustive ones, in place of slow."""
    for item in items:
        if item.get_closest_marker("slow") and any(case in item.nodeid for case in EXHAUSTIVE):
            item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "slow"]
            item.add_marker(pytest.mark.exhaustive)
