/* CRC-32 (ISO-HDLC: zip, gzip, png) and CRC-32C (Castagnoli: TFRecord, iSCSI) at memory speed.
 *
 * Both are remainders of the message, a polynomial over GF(2), by a polynomial P of degree 32, and
 * both are "reflected": the first bit of the message is the lowest bit of its first byte, and bit i
 * of a 32-bit state is the coefficient of x^(31-i). Everything that depends on P is computed from P
 * when the module is loaded, so that no constant has to be believed.
 *
 * - portable: eight tables, eight bytes a step. M. Kounavis, F. Berry, "A Systematic Approach to
 *   Building High Performance Software-based CRC Generators", 2005 ("slicing by 8").
 * - pclmulqdq, avx512: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using
 *   PCLMULQDQ Instruction", Intel, 2009. See "folding" below.
 * - arm: the CRC32 instructions of ARMv8, three runs at a time, since one waits for its result.
 */
#define Py_LIMITED_API 0x030B0000 /* 3.11, the first whose stable ABI has buffers */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__) && (defined(__linux__) || defined(__APPLE__))
#define ARM 1
#include <arm_acle.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#endif

enum { GIL_BYTES = 8192 }; /* below, handing over the GIL takes longer than the work */
enum { ONE = 0, FOUR = 1, SIXTEEN = 2 };

typedef struct {
    uint32_t polynomial; /* P without its x^32 */
    uint32_t table[8][256];
    uint64_t fold[3][2]; /* for distances of 1, 4 and 16 times 128 bits */
    uint32_t lane;       /* x^(8 LANE_BYTES) mod P */
} Crc;

static Crc iso_hdlc = {.polynomial = 0xEDB88320};
static Crc castagnoli = {.polynomial = 0x82F63B78};

/* The product of two remainders, mod P. */
static uint32_t multiplied(const Crc *crc, uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int i = 0; i < 32; i++) {
        product ^= a & (0u - (b >> 31));
        b <<= 1;
        a = (a >> 1) ^ (crc->polynomial & (0u - (a & 1)));
    }
    return product;
}

/* x^exponent mod P. */
static uint32_t power(const Crc *crc, uint32_t exponent)
{
    uint32_t result = 0x80000000, square = 0x40000000; /* 1 and x */
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = multiplied(crc, result, square);
        square = multiplied(crc, square, square);
    }
    return result;
}

/* ---- portable -------------------------------------------------------------------------------- */

static uint32_t load32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t portable(const Crc *crc, uint32_t state, const uint8_t *at, size_t size)
{
    const uint32_t(*t)[256] = crc->table;
    for (; size >= 8; at += 8, size -= 8) {
        uint32_t a = load32(at) ^ state, b = load32(at + 4);
        state = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^
                t[3][b & 255] ^ t[2][b >> 8 & 255] ^ t[1][b >> 16 & 255] ^ t[0][b >> 24];
    }
    for (; size; at++, size--)
        state = t[0][(state ^ *at) & 255] ^ state >> 8;
    return state;
}

/* ---- folding: x86-64 ------------------------------------------------------------------------- *
 *
 * A register holds 128 bits of the message: its low half H came first, so it stands for
 * H x^64 + L. Moved D bits ahead it is H x^(D+64) + L x^D, which has the same remainder as
 * H (x^(D+64) mod P) + L (x^D mod P): at most 96 bits, and these are added to the 128 bits of the
 * message that stand there. What is left at the end are 16 bytes with the remainder of the message.
 *
 * Half a register is reflected as well: bit i is the coefficient of x^(63-i), so a remainder stands
 * in the high 32 bits. Multiplying two such halves gives 127 bits, one place short of a reflected
 * register, which stands for the product times x; so the constants are made for one power less.
 */

#ifdef X86

/* With AVX, whose encoding spares copies of registers: it doubles the speed. */
#define FOLDING __attribute__((target("pclmul,sse4.2,avx")))
#define FOLDING_512 __attribute__((target("pclmul,sse4.2,avx512f,avx512dq,vpclmulqdq")))

FOLDING static uint32_t few_bytes(const Crc *crc, uint32_t state, const uint8_t *at, size_t size)
{
    uint64_t wide = state, word;
    if (crc != &castagnoli) /* the only one that SSE4.2 has an instruction for */
        return portable(crc, state, at, size);
    for (; size >= 8; at += 8, size -= 8) {
        memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    for (state = (uint32_t)wide; size; at++, size--)
        state = _mm_crc32_u8(state, *at);
    return state;
}

FOLDING static inline __m128i loaded(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

FOLDING static inline __m128i folded(__m128i x, __m128i by, __m128i onto)
{
    __m128i high = _mm_clmulepi64_si128(x, by, 0x00), low = _mm_clmulepi64_si128(x, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(high, low), onto);
}

/* The state after a folded register and the bytes that follow it. */
FOLDING static uint32_t reduced(const Crc *crc, __m128i x, const uint8_t *at, size_t size)
{
    const __m128i one = loaded(crc->fold[ONE]);
    uint8_t left[16];
    for (; size >= 16; at += 16, size -= 16)
        x = folded(x, one, loaded(at));
    _mm_storeu_si128((__m128i *)left, x);
    return few_bytes(crc, few_bytes(crc, 0, left, 16), at, size);
}

FOLDING static uint32_t pclmulqdq(const Crc *crc, uint32_t state, const uint8_t *at, size_t size)
{
    if (size < 64)
        return few_bytes(crc, state, at, size);
    const __m128i one = loaded(crc->fold[ONE]), four = loaded(crc->fold[FOUR]);
    __m128i x0 = _mm_xor_si128(loaded(at), _mm_cvtsi32_si128((int)state));
    __m128i x1 = loaded(at + 16), x2 = loaded(at + 32), x3 = loaded(at + 48);
    for (at += 64, size -= 64; size >= 64; at += 64, size -= 64) {
        x0 = folded(x0, four, loaded(at));
        x1 = folded(x1, four, loaded(at + 16));
        x2 = folded(x2, four, loaded(at + 32));
        x3 = folded(x3, four, loaded(at + 48));
    }
    x0 = folded(folded(folded(x0, one, x1), one, x2), one, x3);
    return reduced(crc, x0, at, size);
}

FOLDING_512 static inline __m512i folded_512(__m512i x, __m512i by, __m512i onto)
{
    __m512i high = _mm512_clmulepi64_epi128(x, by, 0x00), low = _mm512_clmulepi64_epi128(x, by, 0x11);
    return _mm512_ternarylogic_epi64(high, low, onto, 0x96); /* the three added */
}

FOLDING_512 static uint32_t avx512(const Crc *crc, uint32_t state, const uint8_t *at, size_t size)
{
    if (size < 512)
        return pclmulqdq(crc, state, at, size);
    const __m128i one = loaded(crc->fold[ONE]);
    const __m512i four = _mm512_broadcast_i64x2(loaded(crc->fold[FOUR]));
    const __m512i sixteen = _mm512_broadcast_i64x2(loaded(crc->fold[SIXTEEN]));
    const __m512i start = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state));
    __m512i x0 = _mm512_xor_si512(_mm512_loadu_si512(at), start);
    __m512i x1 = _mm512_loadu_si512(at + 64), x2 = _mm512_loadu_si512(at + 128);
    __m512i x3 = _mm512_loadu_si512(at + 192);
    for (at += 256, size -= 256; size >= 256; at += 256, size -= 256) {
        x0 = folded_512(x0, sixteen, _mm512_loadu_si512(at));
        x1 = folded_512(x1, sixteen, _mm512_loadu_si512(at + 64));
        x2 = folded_512(x2, sixteen, _mm512_loadu_si512(at + 128));
        x3 = folded_512(x3, sixteen, _mm512_loadu_si512(at + 192));
    }
    x0 = folded_512(folded_512(folded_512(x0, four, x1), four, x2), four, x3);
    for (; size >= 64; at += 64, size -= 64)
        x0 = folded_512(x0, four, _mm512_loadu_si512(at));
    __m128i x = _mm512_extracti64x2_epi64(x0, 0);
    x = folded(x, one, _mm512_extracti64x2_epi64(x0, 1));
    x = folded(x, one, _mm512_extracti64x2_epi64(x0, 2));
    x = folded(x, one, _mm512_extracti64x2_epi64(x0, 3));
    return reduced(crc, x, at, size);
}

static int has_pclmulqdq(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2") &&
           __builtin_cpu_supports("avx");
}

static int has_avx512(void)
{
    return has_pclmulqdq() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("vpclmulqdq");
}

#endif

/* ---- the instructions of ARMv8 --------------------------------------------------------------- */

enum { LANE_BYTES = 8192 };

#ifdef ARM

#define WITH_CRC __attribute__((target("+crc")))

WITH_CRC static inline uint32_t arm_word(int c, uint32_t state, const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return c ? __crc32cd(state, word) : __crc32d(state, word);
}

WITH_CRC static inline uint32_t arm_run(const Crc *crc, int c, uint32_t a, const uint8_t *at,
                                        size_t size)
{
    for (; size >= 3 * LANE_BYTES; at += 3 * LANE_BYTES, size -= 3 * LANE_BYTES) {
        uint32_t b = 0, d = 0;
        for (int i = 0; i < LANE_BYTES; i += 8) {
            a = arm_word(c, a, at + i);
            b = arm_word(c, b, at + LANE_BYTES + i);
            d = arm_word(c, d, at + 2 * LANE_BYTES + i);
        }
        a = multiplied(crc, multiplied(crc, a, crc->lane) ^ b, crc->lane) ^ d;
    }
    for (; size >= 8; at += 8, size -= 8)
        a = arm_word(c, a, at);
    for (; size; at++, size--)
        a = c ? __crc32cb(a, *at) : __crc32b(a, *at);
    return a;
}

WITH_CRC static uint32_t arm(const Crc *crc, uint32_t state, const uint8_t *at, size_t size)
{
    return crc == &castagnoli ? arm_run(crc, 1, state, at, size) : arm_run(crc, 0, state, at, size);
}

static int has_arm(void)
{
#ifdef __linux__
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
    return 1; /* every 64-bit ARM of Apple has them */
#endif
}

#endif

/* ---- Python ---------------------------------------------------------------------------------- */

static int always(void)
{
    return 1;
}

typedef struct {
    const char *name;
    int (*available)(void);
    uint32_t (*update)(const Crc *, uint32_t, const uint8_t *, size_t);
} Implementation;

static const Implementation implementations[] = {
    /* the fastest first */
#ifdef X86
    {"avx512", has_avx512, avx512},
    {"pclmulqdq", has_pclmulqdq, pclmulqdq},
#endif
#ifdef ARM
    {"arm", has_arm, arm},
#endif
    {"portable", always, portable},
};

enum { COUNT = sizeof implementations / sizeof *implementations };

static const Implementation *fastest;

static const Implementation *named(PyObject *name)
{
    const char *wanted = PyUnicode_AsUTF8AndSize(name, NULL);
    if (wanted == NULL)
        return NULL;
    for (int i = 0; i < COUNT; i++)
        if (strcmp(implementations[i].name, wanted) == 0 && implementations[i].available())
            return &implementations[i];
    PyErr_Format(PyExc_ValueError, "no implementation %R on this machine", name);
    return NULL;
}

static PyObject *checksum(const Crc *crc, PyObject *const *args, Py_ssize_t count)
{
    const Implementation *chosen = fastest;
    unsigned long value = 0;
    Py_buffer data;
    if (count < 1 || count > 3) {
        PyErr_Format(PyExc_TypeError, "1 to 3 arguments expected, found %zd", count);
        return NULL;
    }
    if (count > 1) {
        value = PyLong_AsUnsignedLongMask(args[1]);
        if (PyErr_Occurred())
            return NULL;
    }
    if (count > 2 && (chosen = named(args[2])) == NULL)
        return NULL;
    if (PyObject_GetBuffer(args[0], &data, PyBUF_SIMPLE) < 0)
        return NULL;
    uint32_t state = ~(uint32_t)value;
    if (data.len < GIL_BYTES) {
        state = chosen->update(crc, state, data.buf, (size_t)data.len);
    } else {
        Py_BEGIN_ALLOW_THREADS
        state = chosen->update(crc, state, data.buf, (size_t)data.len);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong((uint32_t)~state);
}

static PyObject *crc32(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return checksum(&iso_hdlc, args, count);
}

static PyObject *crc32c(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return checksum(&castagnoli, args, count);
}

static PyMethodDef functions[] = {
    {"crc32", (PyCFunction)(void (*)(void))crc32, METH_FASTCALL,
     "crc32(data, value=0, implementation=..., /): CRC-32 of the bytes behind those of `value`."},
    {"crc32c", (PyCFunction)(void (*)(void))crc32c, METH_FASTCALL,
     "crc32c(data, value=0, implementation=..., /): CRC-32C of the bytes behind those of `value`."},
    {NULL, NULL, 0, NULL},
};

static void prepare(Crc *crc)
{
    static const uint32_t registers[] = {1, 4, 16};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int i = 0; i < 8; i++)
            state = (state >> 1) ^ (crc->polynomial & (0u - (state & 1)));
        crc->table[0][byte] = state;
    }
    for (int i = 1; i < 8; i++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t state = crc->table[i - 1][byte];
            crc->table[i][byte] = crc->table[0][state & 255] ^ state >> 8;
        }
    for (int i = 0; i < 3; i++) {
        uint32_t distance = 128 * registers[i];
        crc->fold[i][0] = (uint64_t)power(crc, distance + 64 - 1) << 32;
        crc->fold[i][1] = (uint64_t)power(crc, distance - 1) << 32;
    }
    crc->lane = power(crc, 8 * LANE_BYTES);
}

/* The names of the implementations that this machine has, the fastest first. */
static PyObject *found(void)
{
    PyObject *names = PyList_New(0);
    for (int i = COUNT - 1; names != NULL && i >= 0; i--) {
        if (!implementations[i].available())
            continue;
        fastest = &implementations[i];
        PyObject *name = PyUnicode_FromString(fastest->name);
        if (name == NULL || PyList_Insert(names, 0, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    PyObject *fixed = names == NULL ? NULL : PyList_AsTuple(names);
    Py_XDECREF(names);
    return fixed;
}

static int set_up(PyObject *module)
{
    prepare(&iso_hdlc);
    prepare(&castagnoli);
    PyObject *names = found();
    int failed = names == NULL || PyModule_AddObjectRef(module, "IMPLEMENTATIONS", names) < 0;
    Py_XDECREF(names);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_up}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_crc",
    .m_doc = "CRC-32 and CRC-32C; IMPLEMENTATIONS are those of this machine, the fastest first.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__crc(void)
{
    return PyModuleDef_Init(&definition);
}
