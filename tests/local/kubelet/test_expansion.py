"""References of the form $(NAME)."""

import pytest

from expander.local.kubelet.env import expand, first_missing

KNOWN = {"NAME": "world", "EMPTY": "", "REF": "$(NAME)"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello $(NAME)", "hello world"),
        ("$(NAME)$(NAME)", "worldworld"),
        ("[$(EMPTY)]", "[]"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(NAME)", "$(NAME)"),
        ("$$$(NAME)", "$world"),
        ("$$$$(NAME)", "$$(NAME)"),
        ("$NAME ${NAME} $", "$NAME ${NAME} $"),
        ("$(NAME", "$(NAME"),
        ("$(REF)", "$(NAME)"),
        ("$(a$(NAME)", "$(a$(NAME)"),
        ("kill -9 $$", "kill -9 $"),
        ("$()", "$()"),
        ("$(A\nB)", "$(A\nB)"),
        ("", ""),
    ],
)
def test_references_are_replaced_as_the_kubelet_does(text: str, expected: str) -> None:
    assert expand(text, KNOWN) == expected


def test_the_first_name_that_is_not_known_is_found() -> None:
    assert first_missing("$(NAME)/$(WHO)/$(ELSE)", KNOWN) == "WHO"
    assert first_missing("$(NAME)/$$(WHO)", KNOWN) is None
