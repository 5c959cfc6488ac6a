/* SPDX-License-Identifier: MIT */
/*
 * Numbers of extended precision to and from the other formats of memory (SDM
 * vol. 1, sections 4.2, 4.8 and 8.5), exactly, with the flags that come of it.
 */
#include "fpu.h"

#define BIAS 16383
#define INTEGER_BIT (UINT64_C(1) << 63)
#define QUIET_BIT (UINT64_C(1) << 62)

enum rounding { NEAREST, DOWN, UP, TRUNCATE };

/* A format of 4 or 8 bytes. */
struct format {
	unsigned fraction; /* bits, without the integer bit */
	int most;          /* exponents, unbiased; it is the bias too */
	int least;
};

static struct format format_of(size_t size)
{
	return size == 4 ? (struct format){ 23, 127, -126 } : (struct format){ 52, 1023, -1022 };
}

static unsigned leading_zeros(uint64_t value)
{
	return (unsigned)__builtin_clzll(value);
}

static enum rounding rounding_of(uint16_t fcw)
{
	return (enum rounding)(fcw >> 10 & 3);
}

/* --- From ---------------------------------------------------------------------------------------------- */

struct xe_f80 xe_f80_from_float(uint64_t bits, size_t size, unsigned *flags)
{
	struct format format = format_of(size);
	uint16_t sign = bits >> (8 * size - 1) & 1 ? XE_F80_SIGN : 0;
	uint64_t mantissa = bits << (64 - format.fraction) >> 1;
	int biased = (int)(bits >> format.fraction) & (2 * format.most + 1);
	unsigned shift;

	if (biased == 2 * format.most + 1) {
		if (mantissa && !(mantissa & QUIET_BIT)) {
			*flags |= XE_FSW_IE;
			mantissa |= QUIET_BIT;
		}
		return (struct xe_f80){ mantissa | INTEGER_BIT, sign | XE_F80_EXPONENT };
	}
	if (biased)
		return (struct xe_f80){ mantissa | INTEGER_BIT, (uint16_t)(sign | (biased - format.most + BIAS)) };
	if (!mantissa)
		return (struct xe_f80){ 0, sign };
	*flags |= XE_FSW_DE;
	shift = leading_zeros(mantissa);
	return (struct xe_f80){ mantissa << shift, (uint16_t)(sign | (format.least - (int)shift + BIAS)) };
}

struct xe_f80 xe_f80_from_int(int64_t value)
{
	uint16_t sign = value < 0 ? XE_F80_SIGN : 0;
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	unsigned shift;

	if (!value)
		return (struct xe_f80){ 0 };
	shift = leading_zeros(magnitude);
	return (struct xe_f80){ magnitude << shift, (uint16_t)(sign | (BIAS + 63 - (int)shift)) };
}

/* --- To -------------------------------------------------------------------------------------------------- */

/* value >> shift, rounded; flags are PE, and C1 where it went up. */
static struct xe_converted shift_rounded(uint64_t value, unsigned shift, bool negative, enum rounding rounding)
{
	uint64_t kept = shift < 64 ? value >> shift : 0;
	uint64_t rest = shift == 0 ? 0 : shift <= 64 ? value << (64 - shift) : value != 0;
	bool up = rest && rounding == (negative ? DOWN : UP);

	if (rounding == NEAREST)
		up = rest > INTEGER_BIT || (rest == INTEGER_BIT && (kept & 1));
	return (struct xe_converted){ kept + up, (rest ? XE_FSW_PE : 0) | (up ? XE_FSW_C1 : 0) };
}

static bool is_unsupported(struct xe_f80 value)
{
	return (value.exponent & XE_F80_EXPONENT) && !(value.mantissa & INTEGER_BIT);
}

static struct xe_converted special_to_float(struct xe_f80 value, const struct format *format)
{
	uint64_t sign = value.exponent & XE_F80_SIGN ? 1 : 0;
	struct xe_converted to = { 0 };

	if (is_unsupported(value)) {
		value = XE_F80_INDEFINITE;
		sign = 1;
		to.flags = XE_FSW_IE;
	} else if (value.mantissa != INTEGER_BIT && !(value.mantissa & QUIET_BIT)) {
		value.mantissa |= QUIET_BIT;
		to.flags = XE_FSW_IE;
	}
	to.bits = value.mantissa << 1 >> (64 - format->fraction);
	to.bits |= (sign << (format->most == 127 ? 8 : 11) | (unsigned)(2 * format->most + 1)) << format->fraction;
	return to;
}

/* Too great: infinity or the greatest number (SDM vol. 1, table 4-10). */
static struct xe_converted overflow(const struct format *format, bool negative, uint16_t fcw)
{
	enum rounding rounding = rounding_of(fcw);
	bool infinite = rounding == NEAREST || rounding == (negative ? DOWN : UP);
	uint64_t infinity = (uint64_t)(2 * format->most + 1) << format->fraction;

	if (!(fcw & XE_FSW_OE))
		return (struct xe_converted){ 0, XE_FSW_OE };
	return (struct xe_converted){ infinite ? infinity : infinity - 1,
		                      XE_FSW_OE | XE_FSW_PE | (infinite ? XE_FSW_C1 : 0) };
}

/* `exponent` is unbiased, the mantissa's integer bit set.  Without the sign. */
static struct xe_converted finite_to_float(uint64_t mantissa, int exponent, bool negative, const struct format *format,
                                           uint16_t fcw)
{
	unsigned shift = 63 - format->fraction;
	struct xe_converted to = shift_rounded(mantissa, shift, negative, rounding_of(fcw));
	bool carried = to.bits >> (format->fraction + 1);

	if (exponent + carried > format->most)
		return overflow(format, negative, fcw);
	if (exponent + carried >= format->least) {
		/* The integer bit, or the carry, adds one to the exponent. */
		to.bits = carried ? UINT64_C(1) << format->fraction : to.bits;
		to.bits += (uint64_t)(exponent + carried + format->most - 1) << format->fraction;
		return to;
	}
	/* Tiny, which counts after rounding to a number of unlimited exponent. */
	if (!(fcw & XE_FSW_UE))
		return (struct xe_converted){ 0, XE_FSW_UE };
	to = shift_rounded(mantissa, shift + (unsigned)(format->least - exponent), negative, rounding_of(fcw));
	if (to.flags & XE_FSW_PE)
		to.flags |= XE_FSW_UE;
	return to;
}

struct xe_converted xe_f80_to_float(struct xe_f80 value, size_t size, uint16_t fcw)
{
	struct format format = format_of(size);
	bool negative = value.exponent & XE_F80_SIGN;
	int biased = value.exponent & XE_F80_EXPONENT;
	struct xe_converted to = { 0 };

	if (biased == XE_F80_EXPONENT || is_unsupported(value))
		return special_to_float(value, &format);
	if (value.mantissa) {
		unsigned shift = leading_zeros(value.mantissa);

		to = finite_to_float(value.mantissa << shift, (biased ? biased : 1) - BIAS - (int)shift, negative,
		                     &format, fcw);
	}
	to.bits |= (uint64_t)negative << (8 * size - 1);
	return to;
}

struct xe_converted xe_f80_to_int(struct xe_f80 value, size_t size, bool truncate, uint16_t fcw)
{
	const struct xe_converted indefinite = { UINT64_C(1) << (8 * size - 1), XE_FSW_IE };
	bool negative = value.exponent & XE_F80_SIGN;
	int exponent = (value.exponent & XE_F80_EXPONENT) - BIAS;
	struct xe_converted to;

	if (is_unsupported(value) || exponent > 63)
		return indefinite;
	to = shift_rounded(value.mantissa, (unsigned)(63 - exponent), negative, truncate ? TRUNCATE : rounding_of(fcw));
	if (to.bits > (xe_mask(size) >> 1) + negative)
		return indefinite;
	to.bits = (negative ? 0 - to.bits : to.bits) & xe_mask(size);
	return to;
}
