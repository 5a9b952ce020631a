"""Makes pickles of what people keep: estimators, frames, distributions, classes of their own.

With scikit-learn 1.9, pandas 3.1, SciPy, joblib 1.6, cloudpickle 3.1. Run it in this folder.
"""

import abc
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import scipy.stats as st
from sklearn import linear_model, naive_bayes, neighbors, svm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, Birch, KMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

HERE, NAME = Path(__file__).parent, Path(__file__).name
LINEAR = (
    "SGDClassifier SGDRegressor SGDOneClassSVM Perceptron PassiveAggressiveClassifier "
    "PoissonRegressor TweedieRegressor GammaRegressor LogisticRegression LinearRegression Ridge "
    "Lasso HuberRegressor"
).split()


class Base(abc.ABC):
    x = 1

    @abc.abstractmethod
    def h(self): ...

    def f(self):
        return np.log(self.x)


class Derived(Base):
    def h(self):
        return 1

    def g(self):
        return super().f()


def estimators() -> list:
    return [
        *(getattr(linear_model, name)() for name in LINEAR),
        GradientBoostingClassifier(n_estimators=2),
        GradientBoostingRegressor(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        HistGradientBoostingRegressor(max_iter=2),
        RandomForestClassifier(2),
        ExtraTreesRegressor(2),
        AdaBoostClassifier(n_estimators=2),
        BaggingClassifier(n_estimators=2),
        IsolationForest(n_estimators=2),
        DecisionTreeClassifier(),
        neighbors.KNeighborsClassifier(),
        neighbors.RadiusNeighborsRegressor(),
        neighbors.NearestCentroid(),
        neighbors.KernelDensity(),
        svm.SVC(),
        svm.NuSVR(),
        svm.LinearSVC(),
        naive_bayes.GaussianNB(),
        naive_bayes.MultinomialNB(),
        KMeans(2, n_init=1),
        DBSCAN(),
        PCA(2),
        TruncatedSVD(2),
        GaussianProcessClassifier(),
        MLPClassifier((2,), max_iter=5),
        StandardScaler(),
        OneHotEncoder(),
        PolynomialFeatures(),
        make_pipeline(MinMaxScaler(), linear_model.LogisticRegression()),
        CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        Birch(n_clusters=2),
        FunctionTransformer(np.log1p),
    ]


def frames() -> list:
    columns = {
        "a": [1, 2, 3],
        "b": ["x", "y", None],
        "c": pd.to_datetime(["2020-01-01"] * 3),
        "d": pd.Categorical(["u", "v", "u"]),
        "e": pd.array([1, None, 3], dtype="Int64"),
        "f": pd.to_timedelta([1, 2, 3]),
        "g": pd.period_range("2020", periods=3, freq="M"),
        "h": pd.interval_range(0, 3),
    }
    frame = pd.DataFrame(columns)
    dates = pd.date_range("2020", periods=2, tz="UTC")
    scalars = [pd.Timestamp("2020", tz="Europe/Berlin"), pd.NaT, pd.Timedelta(1), pd.NA]
    more = [pd.Period("2020"), pd.Interval(1, 2), pd.Series([1.0, 2], index=dates)]
    sparse = pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])})
    return [frame, frame.set_index(["a", "d"]), sparse, *scalars, *more]


def distributions(x: np.ndarray) -> list:
    names = "norm beta poisson gamma t lognorm expon binom".split()
    made = [st.norm(0, 1), st.gaussian_kde(x.T), st.multivariate_normal([0, 0])]
    return [*(getattr(st, name) for name in names), *made]


def methods(kind: type) -> list:
    return [value for value in vars(kind).values() if hasattr(value, "__code__")]


def main() -> None:
    random = np.random.RandomState(0)
    x = np.abs(random.randn(24, 3))
    y = (x[:, 0] > x[:, 1]).astype(int) + 1
    fitted = [estimator.fit(x, y) for estimator in estimators()]
    ranges = {"C": st.uniform(0, 4), "k": st.randint(1, 9)}
    fitted.append(RandomizedSearchCV(linear_model.LogisticRegression(), ranges))
    joblib.dump(fitted, HERE / "estimators.joblib", ("xz", 9))
    joblib.dump(frames(), HERE / "frames.joblib", ("xz", 9))
    joblib.dump(distributions(x), HERE / "distributions.joblib", ("xz", 9))
    held = [Derived, lambda x: x + 1, (lambda k: lambda x: x + k)(3)]
    # Code and its globals note the path of their file, which is nobody's business.
    globals()["__file__"] = NAME
    for function in (*methods(Base), *methods(Derived), *held[1:]):
        function.__code__ = function.__code__.replace(co_filename=NAME)
    (HERE / "classes.pkl").write_bytes(cloudpickle.dumps(held))


if __name__ == "__main__":
    main()
