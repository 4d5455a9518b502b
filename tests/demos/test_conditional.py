"""demos.conditional: what it says in its last line."""

from demos import conditional


def test_a_difference_of_two_shares_is_in_points():
    """Of 24 % wrong answers 13 are left: 11 points fewer, which is 46 % fewer."""
    wrong = {"labelled images alone": [24.0, 25.0], "semi-supervised GAN": [13.0, 14.0]}
    assert conditional.saved(wrong) == "11.0 ± 0.0 percentage points of wrong answers"
