"""The metadata of hpbandster_ng; the settings of its tools are in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
REPOSITORY_FILES = ("README.md", "CHANGELOG.md")

REQUIRES = [
    "click>=8.1",
    "ConfigSpace>=0.7.1",
    "cryptography>=42",
    "netifaces-plus>=0.12.3",
    "numpy>=1.26",
    "Pyro4>=4.82",
    "PyYAML>=6.0.1",
    "rich>=13.7",
    "scipy>=1.11.4",
    "serpent>=1.41",
    "statsmodels>=0.14.2",
    "threadpoolctl>=3.5",
]

EXTRAS = {
    "dashboard": ["prometheus-client>=0.20", "starlette>=0.40", "uvicorn>=0.30"],
    "dask": ["distributed>=2024.8"],
    "mlflow": ["mlflow-skinny>=3.1"],
    "mongo": ["pymongo>=4.9"],
    "optuna": ["optuna>=4"],
    "pandas": ["pandas>=2.2"],
    "parquet": ["pyarrow>=18"],
    "plot": ["matplotlib>=3.8"],
    "plotly": ["plotly>=6.0"],
    "prometheus": ["prometheus-client>=0.20"],
    "sklearn": ["scikit-learn>=1.4"],
    "spark": ["pyspark>=3.5.0"],
    "sql": ["alembic>=1.13", "SQLAlchemy>=2.0.31"],
    "tensorboard": ["tensorboard>=2.18"],
    "torch": ["torch>=2.2"],
}
EXTRAS["postgres"] = ["psycopg[binary]>=3.1", *EXTRAS["sql"]]
EXTRAS["quickstart"] = [*EXTRAS["sklearn"]]
EXTRAS["docs"] = ["furo>=2024.8", "myst-parser>=4", "sphinx>=8.1", *EXTRAS["plot"]]
EXTRAS["test"] = [
    "atheris>=3.0; sys_platform == 'linux' and platform_machine == 'x86_64' and python_version == '3.11'",
    "hypothesis>=6.100",
    "psutil>=5.9",
    "pytest>=8.2",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    *EXTRAS["dashboard"],
    *EXTRAS["dask"],
    *EXTRAS["mongo"],
    *EXTRAS["pandas"],
    *EXTRAS["plot"],
    *EXTRAS["plotly"],
    *EXTRAS["postgres"],
    *EXTRAS["prometheus"],
    *EXTRAS["quickstart"],
]
# The linters decide what is accepted, so a new one is taken on purpose.
EXTRAS["lint"] = [
    "mypy~=2.4",
    "pandas-stubs",
    "ruff~=0.17.5",
    "scipy-stubs; python_version >= '3.11'",
    "types-psutil",
    "types-PyYAML",
]
EXTRAS["bench"] = ["onnxruntime>=1.17", "playwright>=1.49", *EXTRAS["optuna"], *EXTRAS["test"]]
# One known build of PyTorch, so that a new release of several gigabytes is taken on purpose. Spark is as large.
EXTRAS["dev"] = [
    *EXTRAS["docs"],
    *EXTRAS["lint"],
    *EXTRAS["test"],
    *EXTRAS["optuna"],
    *EXTRAS["parquet"],
    *EXTRAS["spark"],
    *EXTRAS["tensorboard"],
    "mlflow>=3.1",
    "playwright>=1.49",
    "pyspark[connect]",
    "torch==2.13.0",
]


def version() -> str:
    """The one place of the version is the package itself; it is read, not imported."""
    text = (HERE / "hpbandster_ng" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError('hpbandster_ng/__init__.py has no line of the form __version__ = "1.2.3"')
    return found.group(1)


def long_description() -> str:
    return "\n\n".join((HERE / name).read_text(encoding="utf-8") for name in REPOSITORY_FILES if (HERE / name).exists())


setup(
    name="hpbandster_ng",
    version=version(),
    description="Distributed hyperparameter optimisation with Hyperband and BOHB",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="the hpbandster_ng developers",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["hpbandster_ng", "hpbandster_ng.*"]),
    package_data={
        "hpbandster_ng": [
            "py.typed",
            "interfaces/cluster/*.sh",
            "interfaces/dashboard/page/*",
            "interfaces/dashboard/page/*/*",
        ]
    },
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["hpbandster-ng = hpbandster_ng.interfaces.cli.main:main"],
        "hpbandster_ng.contexts": [
            "mlflow = hpbandster_ng.integrations.mlflow:ChildRun",
            "testing = hpbandster_ng.testing.evaluations:Noted",
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
