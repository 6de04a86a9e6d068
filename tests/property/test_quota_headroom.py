"""Rules of quotas that hold for all values: what is unknown never rules out a launch."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.headroom import HeadroomKind, Quota, find_headroom
from chalicelib.domain.offers.quotas import RunningInstance, count_use
from chalicelib.store.data_files import load_catalog

CODE = "L-DB2E81BA"
VCPUS = st.integers(0, 200)
KNOWN_OR_NOT = st.none() | VCPUS
TYPES = load_catalog().types
INSTANCES = st.lists(
    st.builds(
        RunningInstance,
        instance_type=st.sampled_from(
            ["g4dn.xlarge", "g5.12xlarge", "g9.large", "p4d.24xlarge", "m5.large", "u.metal"]
        ),
        market=st.sampled_from(Market),
    ),
    max_size=6,
)


@given(KNOWN_OR_NOT, KNOWN_OR_NOT, KNOWN_OR_NOT)
def test_quota_is_exceeded_only_if_everything_is_known_and_the_need_does_not_fit(
    limit: int | None, use: int | None, need: int | None
) -> None:
    kind = find_headroom(None if limit is None else Quota(CODE, limit), use, need).kind
    if limit is None or use is None or need is None:
        assert kind is HeadroomKind.UNKNOWN
    else:
        fits = need == 0 or use + need <= limit
        assert kind is (HeadroomKind.ENOUGH if fits else HeadroomKind.EXCEEDED)


@given(VCPUS, VCPUS, VCPUS, VCPUS)
def test_more_use_never_makes_room(limit: int, use: int, more: int, need: int) -> None:
    before, after = (find_headroom(Quota(CODE, limit), each, need).kind for each in (use, use + more))
    assert before is HeadroomKind.ENOUGH or after is HeadroomKind.EXCEEDED


@given(INSTANCES)
def test_use_does_not_depend_on_the_order_of_instances(instances: list[RunningInstance]) -> None:
    assert count_use(instances, TYPES) == count_use(reversed(instances), TYPES)


@given(INSTANCES, INSTANCES)
def test_use_of_two_lists_is_the_sum_and_unknown_if_one_is(
    some: list[RunningInstance], others: list[RunningInstance]
) -> None:
    first, second = count_use(some, TYPES), count_use(others, TYPES)
    for code, total in count_use([*some, *others], TYPES).items():
        left, right = first[code], second[code]
        assert total == (None if left is None or right is None else left + right)
