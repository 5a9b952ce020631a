"""Code that modelport knows by name without building it, and whose packages it knows throughout.

Harmless are classes and functions of well-known packages that only keep what they get when a
stream calls them; a file that holds them needs their package, no more. In a ``TERRITORY`` (a
package whose code anybody has who loads such files) a call of anything else is taken for an
attack, for there it is known that no pickler writes it. A package outside is simply unknown.
"""

from __future__ import annotations

from modelport.formats.shared.pickle.names import canonical, package
from modelport.wire.pickle import Reference

_STANDARD = (
    *("argparse.Namespace", "collections.UserDict", "enum.auto"),
    *("collections.UserList", "collections.UserString", "collections.ChainMap"),
    *("functools.partial", "operator.itemgetter", "types.MappingProxyType"),
    *("types.CodeType", "types.FunctionType", "types.CellType", "types.MethodType"),
    *("logging.getLogger", "logging.Logger", "logging.LogRecord", "logging.PlaceHolder"),
    *("random.Random", "string.Template", "string.Formatter", "threading.Event"),
    *("ipaddress.IPv4Address", "ipaddress.IPv6Address", "zoneinfo.ZoneInfo._unpickle"),
    *("ipaddress.IPv4Network", "ipaddress.IPv6Network", "array._array_reconstructor"),
    *("itertools.count", "itertools.cycle", "itertools.repeat", "itertools.chain"),
    *("queue.Queue", "queue.LifoQueue", "queue.PriorityQueue", "io.BytesIO", "io.StringIO"),
    *("operator.attrgetter", "operator.methodcaller", "types.GenericAlias", "os.stat_result"),
    *("dataclasses.Field", "dataclasses._MISSING_TYPE", "dataclasses._FIELD_BASE"),
    *(
        "dataclasses._HAS_DEFAULT_FACTORY_CLASS",
        "dataclasses._DataclassParams",
        "array.array",
        "collections._tuplegetter",
        "decimal.Context",
    ),
    *("inspect._ParameterKind", "socket.AddressFamily", "socket.SocketKind", "signal.Signals"),
    *("email.message.Message", "email._policybase.Compat32", "http.HTTPMethod"),
    *("builtins.property", "builtins.staticmethod", "builtins.classmethod"),
    *("weakref.WeakSet", "weakref.WeakKeyDictionary"),
    *("weakref.WeakValueDictionary", "copy._EmptyClass", "time.struct_time"),
    *("inspect.Signature", "inspect.Parameter", "http.HTTPStatus", "contextlib.nullcontext"),
)
_EXCEPTIONS = (
    "Exception BaseException ArithmeticError AssertionError AttributeError BlockingIOError "
    "BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError "
    "ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError "
    "FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit "
    "ImportError ImportWarning IndexError InterruptedError IsADirectoryError KeyError "
    "KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError "
    "NotADirectoryError NotImplementedError OSError OverflowError PendingDeprecationWarning "
    "PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning "
    "RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxWarning SystemExit "
    "TimeoutError TypeError UnboundLocalError UnicodeError UnicodeWarning UserWarning "
    "ValueError Warning ZeroDivisionError"
).split()
_CLOUDPICKLE = (
    *("_make_function", "_make_cell", "_make_empty_cell", "_builtin_type", "_make_typevar"),
    *("_make_skel_func", "_empty_cell_value", "_get_dataclass_field_type_sentinel"),
    *("_make_dict_keys", "_make_dict_values", "_make_dict_items", "_is_dynamic"),
)
_MAKERS = (
    *("scipy.sparse._csr.csr_matrix", "scipy.sparse.csr.csr_matrix", "sklearn.utils.Bunch"),
    *("sklearn.utils._bunch.Bunch", "joblib.numpy_pickle.NDArrayWrapper"),
    *("numpy.vectorize", "numpy.lib.function_base.vectorize", "numpy.poly1d"),
    *("numpy.lib.polynomial.poly1d", "pandas.Period", "pandas.Interval"),
    *("pandas.core.internals.managers.BlockManager", "pandas._libs.arrays.NDArrayBacked"),
    *(
        "pandas.core.internals.managers.SingleBlockManager",
        "pandas._libs.internals._unpickle_block",
    ),
    *("torch.distributed._shard.sharded_tensor.api.ShardedTensor", "torch.Generator"),
    "sympy.polys.matrices.domainmatrix.DomainMatrix",
    *("torch.nn.parameter.UninitializedParameter", "torch.nn.parameter.UninitializedBuffer"),
    "torch.utils.hooks.RemovableHandle",
    *("torch._C.Generator", "torch._utils_internal.get_file_path"),
    *("torch._dynamo.decorators._DimRange", "torch.nested._internal.nested_tensor._rebuild_njt"),
)
_PANDAS_DTYPES = (
    *("StringDtype", "PeriodDtype", "CategoricalDtype", "IntervalDtype", "DatetimeTZDtype"),
    *("SparseDtype", "BooleanDtype", "ArrowDtype", "Float32Dtype", "Float64Dtype"),
    *(f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)),
)
_NUMERIC = frozenset(
    "sklearn._loss._loss sklearn.linear_model._sgd_fast sklearn.linear_model.sgd_fast "
    "sklearn.tree._tree sklearn.tree.tree sklearn.tree._criterion sklearn.tree._splitter "
    "sklearn.neighbors._quad_tree sklearn.neighbors.quad_tree sklearn.manifold._quad_tree "
    "pandas._libs.tslibs.offsets pandas._libs.tslibs.timedeltas pandas._libs.tslibs.timestamps "
    "pandas._libs.tslibs.nattype pandas._libs.tslibs.period pandas._libs.tslib "
    "pandas._libs.interval pandas._libs.sparse pandas._libs.missing pandas.tslib "
    "scipy.spatial._ckdtree scipy.spatial.ckdtree".split()
)
"""Compiled modules of which every class and function does nothing but count with numbers."""

_HARMLESS = frozenset(
    {
        *_STANDARD,
        *(f"builtins.{name}" for name in _EXCEPTIONS),
        *_MAKERS,
        *(f"pandas.{name}" for name in _PANDAS_DTYPES),
        *(f"pandas.core.dtypes.dtypes.{name}" for name in _PANDAS_DTYPES),
        *(
            f"{place}.{name}"
            for place in ("cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast")
            for name in _CLOUDPICKLE
        ),
    }
)

TERRITORIES = frozenset(
    "torch torchvision torchaudio numpy scipy sklearn pandas joblib tensorflow keras tf_keras jax "
    "jaxlib onnx onnxruntime safetensors h5py matplotlib PIL cv2 cloudpickle dill pip setuptools "
    "pkg_resources distutils wheel _distutils_hack IPython ipykernel jupyter_client requests "
    "urllib3 httpx aiohttp certifi charset_normalizer idna yaml jinja2 click rich tqdm fsspec "
    "huggingface_hub modelport pyfive numcodecs pexpect ptyprocess psutil pytest _pytest py fabric "
    "invoke paramiko smart_open boto3 botocore google ml_dtypes packaging attr attrs "
    "sympy mpmath isympy six networkx typing_extensions filelock functorch torchgen absl "
    "astunparse gast flatbuffers grpc opt_einsum optree namex termcolor wrapt tensorboard werkzeug "
    "markdown markupsafe threadpoolctl narwhals".split()
)
"""Packages in which every call that is not known is an attack; the standard library too.

What the frameworks bring with them is among them: who has torch, has ``networkx`` as well.
"""

_ALIASES = {"np": "numpy", "pd": "pandas", "tf": "tensorflow", "plt": "matplotlib.pyplot"}

ACT_WHEN_IMPORTED = frozenset({"antigravity", "this", "idlelib", "turtledemo", "turtle", "test"})
"""Modules of Python that open a window or a browser, or print, as soon as they are imported."""

STANDARD_LIBRARY = frozenset(
    "__future__ abc aifc antigravity annotationlib argparse array ast asynchat asyncio "
    "asyncore atexit audioop base64 bdb binascii binhex bisect builtins bz2 cProfile calendar "
    "cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression "
    "concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses "
    "dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip "
    "enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib "
    "functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq "
    "hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json "
    "keyword lib2to3 linecache locale logging lzma macpath mailbox mailcap marshal math "
    "mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath "
    "nturl2path numbers opcode operator optparse os ossaudiodev parser pathlib pdb pickle "
    "pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats "
    "pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline "
    "reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil "
    "signal site sitecustomize usercustomize smtpd smtplib sndhdr socket socketserver spwd "
    "sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct "
    "subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib "
    "tempfile termios test textwrap this threading time timeit tkinter token tokenize tomllib "
    "trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest "
    "urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml "
    "xmlrpc xxlimited xxsubtype zipapp zipfile zipimport zlib zoneinfo __hello__ __phello__ "
    "BaseHTTPServer Bastion CGIHTTPServer "
    "ConfigParser Cookie DocXMLRPCServer HTMLParser MimeWriter SimpleHTTPServer "
    "SimpleXMLRPCServer SocketServer StringIO Tkinter UserString anydbm bsddb cStringIO "
    "cookielib dbhash dircache dl dumbdbm exceptions fpformat gdbm htmlentitydefs httplib "
    "ihooks imputil md5 mhlib mimetools mutex new os2emxpath popen2 posixfile repr rexec "
    "rfc822 robotparser sets sgmllib sha statvfs stringold sv thread toaiff urllib2 urlparse "
    "user whichdb xmllib xmlrpclib".split()
)
"""The standard library of Python 2.7 to 3.14, modules that begin with an underscore apart."""


_ACTING = (
    *("joblib.", "cloudpickle.", "dill.", "pip.", "setuptools.", "pkg_resources.", "IPython."),
    *("requests.", "urllib3.", "httpx.", "aiohttp.", "fsspec.", "huggingface_hub.", "google."),
    *("smart_open.", "boto3.", "botocore.", "paramiko.", "fabric.", "invoke.", "pexpect."),
    *("distutils.", "ipykernel.", "jupyter_client.", "pytest.", "_pytest.", "yaml.", "h5py."),
    *("six.", "networkx.read", "networkx.write", "networkx.drawing.", "wrapt.", "torchgen."),
    *("onnx.", "onnxruntime.", "safetensors.", "modelport.", "sympy.", "cv2.im", "PIL.Image.open"),
    *(
        "torch.load",
        "torch.save",
        "torch.hub.",
        "torch.jit.",
        "torch.serialization.",
        "torch._C.js",
    ),
    *("torch.package.", "torch.utils.cpp_extension.", "torch.utils.model_dump.", "torch.export."),
    *("torch.storage._load_from_bytes", "torch.ops.", "torch.classes.", "torch.multiprocessing."),
    *("torch.distributed.", "torch.fx.", "torch.onnx.", "torch._inductor.", "torch._dynamo."),
    *("torch.from_file", "torch.compile", "torch.library.", "torch.utils.show_pickle."),
    *("numpy.load", "numpy.save", "numpy.fromfile", "numpy.genfromtxt", "numpy.memmap"),
    *("numpy.testing.", "numpy.f2py.", "numpy.distutils.", "numpy.ctypeslib.", "numpy.lib.npyio."),
    *("numpy.lib.format.", "numpy.lib._npyio_impl.", "numpy.lib._datasource.", "numpy.tofile"),
    *("pandas.io.", "pandas.read_", "pandas.eval", "pandas.core.computation.", "pandas.Excel"),
    *(
        "pandas.HDFStore",
        "pandas.to_pickle",
        "scipy.io.",
        "sklearn.datasets.",
        "sklearn.externals.",
    ),
    *("tensorflow.io.", "tensorflow.saved_model.", "tensorflow.train.", "tensorflow.summary."),
    *("tensorflow.py_function", "tensorflow.numpy_function", "tensorflow.load_", "jax.profiler."),
    *("keras.models.", "keras.saving.", "keras.utils.", "keras.src.saving.", "keras.src.utils."),
    *("tf_keras.models.", "tf_keras.saving.", "tf_keras.utils.", "tf_keras.src.saving."),
    *("jax.numpy.load", "jax.numpy.save", "jax.numpy.fromfile", "matplotlib.pyplot.", "wheel."),
)
"""How names begin in territories that open, run or load something as soon as they are called."""


def acts_when_called(name: str) -> bool:
    """Whether a function of a known package reaches out when it is called with a text or two."""
    return name.startswith(_ACTING)


def acts_when_imported(module: str) -> bool:
    """Whether a module acts as soon as it is imported; a package's ``__main__`` is its program."""
    return package(module) in ACT_WHEN_IMPORTED or module.endswith(".__main__")


def is_module(name: str) -> bool:
    """Whether a name without dots is that of a module that anybody has, or a usual alias."""
    name = name.lstrip("_")
    return name in STANDARD_LIBRARY or name in TERRITORIES or name in _ALIASES


def rooted(reference: Reference) -> str:
    """``module.name``, or what lies behind it where the name passes through a module.

    Any module gives access to those it imports: ``package.module`` and ``os.system``.
    """
    parts = reference.name.split(".")
    for index, part in enumerate(parts[:-1]):
        if is_module(part):
            first = part.lstrip("_")
            module = ".".join([_ALIASES.get(first, first), *parts[index + 1 : -1]])
            return canonical(Reference(module, parts[-1], reference.offset))
    return canonical(reference)


def reaches_inside(name: str) -> bool:
    """Whether a dotted name passes through what Python keeps beside every object.

    ``__main__.__builtins__.eval`` and ``package.__loader__.set_data`` are there whatever the
    module is, so that one nobody knows gives them too.
    """
    inner = name.split(".")[1:]
    return any(part[:2] == "__" == part[-2:] and part not in _ORDINARY_METHODS for part in inner)


_ORDINARY_METHODS = ("__new__", "__init__")


def is_harmless(name: str) -> bool:
    """Whether calling that name only keeps or copies what it is given."""
    # Cython writes one such function beside each of its classes; it makes the class and sets a
    # state that the stream spells out.
    module, _, last = name.rpartition(".")
    return name in _HARMLESS or module in _NUMERIC or last.startswith("__pyx_unpickle_")


def is_territory(name: str) -> bool:
    """Whether the name lies in a package all of whose harmless callables are known."""
    top = package(name)
    return top in TERRITORIES or top in STANDARD_LIBRARY or (top[:1] == "_" and top[:2] != "__")
