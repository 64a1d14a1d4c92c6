"""The generators of the package keep the contract that is shipped for those of users."""

import pytest

from hpbandster_ng.optimizers.config_generators.bohb import BOHB
from hpbandster_ng.optimizers.config_generators.freeze_thaw import FreezeThaw
from hpbandster_ng.optimizers.config_generators.h2bo import H2BO
from hpbandster_ng.optimizers.config_generators.lcnet import LCNetWrapper
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.testing.generators import ConfigGeneratorContract


class TestRandomSampling(ConfigGeneratorContract):
    def make(self, configspace):
        return RandomSampling(configspace)


class TestBOHB(ConfigGeneratorContract):
    def make(self, configspace):
        return BOHB(configspace, random_fraction=0.1)


class TestH2BO(ConfigGeneratorContract):
    def make(self, configspace):
        return H2BO(configspace, random_fraction=0.1)


class TestFreezeThaw(ConfigGeneratorContract):
    def make(self, configspace):
        return FreezeThaw(configspace, budgets=(1.0, 3.0, 9.0))


class TestFreezeThawsChoices(ConfigGeneratorContract):
    """What the model chooses is held to the contract of what is drawn."""

    num_results = 40

    def make(self, configspace):
        class Chooser(FreezeThaw):
            is_choosing = False

            def get_config(self, budget):
                if self.is_choosing or self.num_results < self.num_initial:
                    return super().get_config(budget)
                self.is_choosing = True
                choice = self.choose(paused=())
                self.is_choosing = False
                return dict(choice.config), dict(choice.config_info)

        return Chooser(configspace, budgets=(1.0, 3.0, 9.0))


class TestLCNet(ConfigGeneratorContract):
    num_results = 15  # its fits are slow

    def make(self, configspace):
        return LCNetWrapper(configspace, max_budget=9, n_candidates=32)


class Forgetful(ConfigGeneratorContract):
    """Breaks every rule, so that the contract is seen to notice."""

    def make(self, configspace):
        class Generator(RandomSampling):
            def get_config(self, budget):
                configspace.seed(None)
                return dict(configspace.sample_configuration()) | {"x": 2.0}, {"why": object()}

            def new_result(self, job, update_model=True):
                raise RuntimeError(job.result["loss"])

        return Generator(configspace)


@pytest.mark.parametrize("rule", [name for name in vars(ConfigGeneratorContract) if name.startswith("test_")])
def test_the_contract_notices_a_generator_that_breaks_it(rule):
    with pytest.raises(Exception):  # noqa: B017, PT011 - how it shows is as different as the rules
        getattr(Forgetful(), rule)()
