"""Filters that are the centres of clusters of what their layer sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from randfeat.errors import ConfigError
from randfeat.init.filters import AbstractFilters, Bank
from randfeat.init.from_inputs import one_thread
from randfeat.init.windows import Windows, patches_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "kmeans_patches")
@dataclass(frozen=True, kw_only=True)
class KmeansPatches(AbstractFilters):
    """Filters are centroids of k-means on patches of what the layer sees, scaled to norm gain.

    As many clusters as the layer has filters (in each group), on ``patches`` patches as ``init=patches`` draws them, from
    a k-means++ start, for at most ``iterations`` of Lloyd's. The patches are not whitened; see ``data.scaling=zca``. A layer
    needs as many different patches as it has filters; a linear layer's are no more than the rows.

    Where two centroids are all but equally near, the last digit of a patch decides, and all centroids depend on it: on a
    processor of another make, which may round a convolution otherwise, filters above the first layer may come out quite
    different (though as good). The first layer's do not.

    Cost: patches * filters * d multiply-adds for each of the iterations, and some ten times that for the start.

    See: Coates and Ng, "Learning feature representations with k-means", Neural Networks: Tricks of the Trade (2012).
    """

    patches: int = setting(10000, ge=1)
    iterations: int = setting(10, ge=1)

    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """See :meth:`AbstractFilters.filters`.

        Raises:
            ConfigError: fewer different patches than filters.
        """
        from sklearn.cluster import KMeans  # takes a second to import

        found = patches_of(windows, max(n, self.patches), stream).numpy()
        different = len(np.unique(found.round(6), axis=0))
        if different == 0:
            return Bank(torch.empty(0))
        if different < n:
            raise ConfigError(
                f"init=kmeans_patches makes {n} filters of {windows.name!r} the centres of as many clusters, but finds only "
                f"{different} different patches. Use a larger init.rows, init.layers=first, or init=patches."
            )
        seed = int(stream.integers(2**31))
        with one_thread():
            fitted = KMeans(n, n_init=1, max_iter=self.iterations, random_state=seed).fit(found)
        return Bank(torch.from_numpy(fitted.cluster_centers_))
