"""The table of pickle opcodes: byte -> handler.

The opcodes and their arguments are those of CPython's ``Lib/pickle.py`` (PEP 307, 3154, 574).
"""

from __future__ import annotations

from modelport.wire.pickle import containers, literals, objects
from modelport.wire.pickle.literals import Handler

STOP = ord(".")

HANDLERS: dict[int, Handler] = {
    # protocol 0
    ord("("): containers.mark,
    ord("0"): containers.pop,
    ord("1"): containers.pop_mark,
    ord("2"): containers.duplicate,
    ord("F"): literals.float_line,
    ord("I"): literals.int_line,
    ord("L"): literals.long_line,
    ord("N"): literals.constant(None),
    ord("S"): literals.string_line,
    ord("V"): literals.unicode_line,
    ord("P"): objects.persistent_line,
    ord("R"): objects.reduce,
    ord("b"): objects.build,
    ord("c"): objects.global_lines,
    ord("i"): objects.instance,
    ord("a"): containers.append,
    ord("d"): containers.marked_dict,
    ord("l"): containers.marked_list,
    ord("t"): containers.marked_tuple,
    ord("s"): containers.set_item,
    ord("g"): containers.get_line,
    ord("p"): containers.put_line,
    # protocol 1
    ord("J"): literals.binint,
    ord("K"): literals.unsigned(1),
    ord("M"): literals.unsigned(2),
    ord("G"): literals.binfloat,
    ord("T"): literals.string(4),
    ord("U"): literals.string(1),
    ord("X"): literals.unicode(4),
    ord("Q"): objects.persistent,
    ord("o"): objects.marked_object,
    ord("e"): containers.appends,
    ord("u"): containers.set_items,
    ord("]"): containers.empty(list),
    ord("}"): containers.empty(dict),
    ord(")"): containers.empty(tuple),
    ord("h"): containers.get(1),
    ord("j"): containers.get(4),
    ord("q"): containers.put(1),
    ord("r"): containers.put(4),
    # protocol 2
    0x80: objects.protocol,
    0x81: objects.new_object,
    0x82: objects.extension(1),
    0x83: objects.extension(2),
    0x84: objects.extension(4),
    0x85: containers.tuple_of(1),
    0x86: containers.tuple_of(2),
    0x87: containers.tuple_of(3),
    0x88: literals.constant(True),
    0x89: literals.constant(False),
    0x8A: literals.long(1),
    0x8B: literals.long(4),
    # protocol 3
    ord("B"): literals.binary(4),
    ord("C"): literals.binary(1),
    # protocol 4
    0x8C: literals.unicode(1),
    0x8D: literals.unicode(8),
    0x8E: literals.binary(8),
    0x8F: containers.empty(set),
    0x90: containers.add_items,
    0x91: containers.frozen_set,
    0x92: objects.new_object_with_keywords,
    0x93: objects.stack_global,
    0x94: containers.memoize,
    0x95: objects.frame,
    # protocol 5
    0x96: literals.bytearray8,
    0x97: objects.out_of_band,
    0x98: objects.read_only,
}
