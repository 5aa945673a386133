"""Releases and their features."""

from __future__ import annotations

import pytest

from expander.base.errors import UsageError
from expander.kube.versions import DEFAULT, FEATURES, NEWEST, NEXT, OLDEST, RELEASES, Release, known


@pytest.mark.parametrize("written", ["1.36", "v1.36", "1.36.2", "v1.36.2-rc.1", "1.36+", " 1.36 "])
def test_a_release_is_named_by_its_minor_version_however_it_is_written(written: str) -> None:
    assert Release.parse(written) == Release(1, 36)
    assert str(Release.parse(written)) == "1.36"


@pytest.mark.parametrize("written", ["", "latest", "1", "1.x", "1.36 or so"])
def test_a_text_that_names_no_version_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="invalid Kubernetes version"):
        Release.parse(written)


@pytest.mark.parametrize("written", ["1.36", "v1.36.2-rc.1"])
def test_a_known_version_may_be_written_as_kubectl_does(written: str) -> None:
    assert known(written) == Release(1, 36)
    assert known(None) == DEFAULT


@pytest.mark.parametrize("written", ["1.2", "2.0", "", "latest", "1.360", "1.39"])
def test_an_unknown_version_is_an_error_that_names_the_known_ones(written: str) -> None:
    with pytest.raises(UsageError, match=r"1\.29 to 1\.37 are known, and 1\.38 as it is planned"):
        known(written)


def test_releases_are_in_the_order_of_their_numbers() -> None:
    assert Release(1, 9) < Release(1, 29) < Release(2, 0)
    assert tuple(sorted(RELEASES)) == RELEASES
    assert (RELEASES[0], RELEASES[-1]) == (OLDEST, NEWEST)


def test_a_feature_is_on_from_beta_and_off_in_alpha() -> None:
    on = [str(release) for release in RELEASES if release.has("RelaxedEnvironmentVariableValidation")]
    assert on == ["1.32", "1.33", "1.34", "1.35", "1.36", "1.37"]


def test_a_beta_can_be_off_by_default() -> None:
    assert [release.minor for release in RELEASES if release.has("ImageVolume")] == [35, 36, 37]
    assert Release(1, 34).stage("ImageVolume") == "beta"


def test_a_feature_that_never_left_alpha_is_off_everywhere() -> None:
    assert not any(release.has("ContainerStopSignals") for release in RELEASES)


@pytest.mark.parametrize(
    ("minor", "stage"), [(29, None), (30, "alpha"), (31, "alpha"), (32, "beta"), (34, "beta"), (35, "GA")]
)
def test_a_feature_goes_through_its_stages(minor: int, stage: str | None) -> None:
    assert Release(1, minor).stage("JobManagedBy") == stage


def test_a_feature_stays_on_when_its_gate_is_removed() -> None:
    assert Release(1, 37).stage("AnyVolumeDataSource") == "removed"
    assert Release(1, 37).has("AnyVolumeDataSource")


def test_an_unknown_feature_is_an_error_of_the_program() -> None:
    with pytest.raises(KeyError):
        DEFAULT.has("NoSuchFeature")


def test_what_is_not_published_says_so() -> None:
    assert all(release.published for release in RELEASES)
    assert not NEXT.published
    assert NEXT.has("JobManagedBy")


@pytest.mark.parametrize("name", FEATURES)
def test_the_stages_of_a_feature_rise(name: str) -> None:
    reached = [since for since in FEATURES[name] if since is not None]
    assert reached == sorted(reached)
    assert reached


def test_the_next_release_is_known_by_what_is_planned_for_it() -> None:
    assert known("1.38") == NEXT
    assert NEXT.described == NEWEST
    assert NEXT.has("WorkloadWithJob")
    assert NEXT.caveat.startswith("Kubernetes 1.38 is not published")
    assert not NEWEST.caveat
