import pytest

from ftm_assets.methods.naming.fitness import Meaning, Use, probability

USE = Use(modifier=0.3, shared=0.4)


@pytest.mark.parametrize(
    ("use", "meaning"),
    [
        (Use(modifier=0.6, shared=0.4), Meaning(0.5, 0.3)),
        (Use(modifier=0.3, shared=0.8), Meaning(0.5, 0.3)),
        (USE, Meaning(0.7, 0.3)),
        (USE, Meaning(0.5, 0.1)),
    ],
)
def test_a_name_is_likelier_if_more_firms_use_it_and_if_it_is_nearer_to_its_theme_than_to_others(
    use, meaning
):
    assert probability(use, meaning) > probability(USE, Meaning(0.5, 0.3))


def test_use_alone_says_whether_a_name_is_likely():
    assert probability(Use(0.8, 0.9)) > 0.5 > probability(Use(0.05, 0.1))


def test_the_weights_give_the_probability_of_a_logistic_model():
    assert probability(Use(0.0, 0.0)) == pytest.approx(1 / (1 + 2.718281828**1.07))
