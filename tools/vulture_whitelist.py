"""Names that `make lint` must not report as unused: vulture cannot see who uses them."""

# Attributes and methods that other libraries read or call.
_.detach_reset  # SpikingJelly: a neuron's reset is left out of the derivative
_.tempdir  # tempfile
_.writeable  # NumPy
_.extra_repr  # torch: the text of a module
_.showwarning  # warnings
_.DISABLE_JIT  # numba.config
_._done, _.peek  # Lava: channels
_._SHM_NAME_PREFIX  # multiprocessing.shared_memory
_._update_synaptic_variable_random, _._conn_var_random  # Lava: learning connections
_._stochastic_round_synaptic_variable
_.handle_starttag  # html.parser
_.pytest_configure, _.pytest_collection_modifyitems, _.pytest_runtest_logreport  # pytest

# Classes that Lava finds by their decorator.
PyHostModel, PyLearningHost, PyLearningHidden, PyLearningOutput, PyPrototypeHost, PyPrototypes

# Triton kernels, which are launched by name.
filter_error

# An argument that numba asks of every intrinsic.
typingctx

# Fixtures that tests ask for without using a value, or that pytest applies to every test of a file.
corners, small_nets, undrawn, offline  # replace data sets, sizes, drawing and the network
drawn_alike, hold_many_equal, no_cached_search, transport, uncounted

# Keyword arguments of calls that are generated.
of_network
NONE  # the last of a series of numbers
PyClearedDense  # found by Lava
TOPICS  # imported for the cases that its modules register
unchecked  # a fixture that is asked for by name alone

# Called by Python, click or tyro.
__getattr__, __dir__  # of a module
on_broken_pipe
