"""HDF5, read without libhdf5: pyfive takes its structures apart, behind the guards of this package.

Specification: HDF5 File Format Specification Version 3.0 (The HDF Group). Headers, B-trees and
heaps are pyfive's; links, data types, layouts and values are decoded here, where every length can
be checked before it is used.
"""

from modelport.wire.hdf5.attributes import Opaque
from modelport.wire.hdf5.dataset import HDF5Dataset
from modelport.wire.hdf5.datatype import Element
from modelport.wire.hdf5.file import Entry, HDF5File

__all__ = ["Element", "Entry", "HDF5Dataset", "HDF5File", "Opaque"]
