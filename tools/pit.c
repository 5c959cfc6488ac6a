/* SPDX-License-Identifier: MIT */
/* After Intel's 8254 data sheet.  Modes 0, 2 and 3; what others do is close to these. */
#include "pit.h"

#include <string.h>

#define PORT_COUNTER 0x42
#define PORT_CONTROL 0x43
#define PORT_GATE 0x61

#define CONTROL_CHANNEL(value) ((value) >> 6 & 3)
#define CONTROL_ACCESS(value) ((value) >> 4 & 3)
#define CONTROL_MODE(value) ((value) >> 1 & 7)

#define ACCESS_LATCH 0
#define ACCESS_LOW 1
#define ACCESS_HIGH 2
#define ACCESS_BOTH 3

#define MODE_ONE_SHOT 0
#define MODE_RATE 2
#define MODE_SQUARE 3

#define GATE_ON 0x01
#define GATE_SPEAKER 0x02
#define GATE_REFRESH 0x10
#define GATE_OUT 0x20
#define REFRESH_NS 15085 /* of memory: the bit turns over at each */

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t ns_to_ticks(uint64_t ns)
{
	return ns / NS_PER_SECOND * PIT_HZ + ns % NS_PER_SECOND * PIT_HZ / NS_PER_SECOND;
}

static uint64_t elapsed(const struct pit *pit)
{
	if (!pit->gate)
		return pit->counted;
	return pit->counted + ns_to_ticks(pit->now() - pit->since);
}

static void restart(struct pit *pit)
{
	pit->counted = 0;
	pit->since = pit->now();
}

static bool is_periodic(const struct pit *pit)
{
	return pit->mode == MODE_RATE || pit->mode == MODE_SQUARE;
}

static uint16_t count(const struct pit *pit)
{
	uint64_t ticks = elapsed(pit);

	if (!pit->reload)
		return 0;
	if (pit->mode == MODE_SQUARE) /* counts by two, twice per period */
		return (uint16_t)((pit->reload & ~1u) - 2 * ticks % pit->reload);
	if (pit->mode == MODE_RATE)
		return (uint16_t)(pit->reload - ticks % pit->reload);
	return (uint16_t)(pit->reload - ticks);
}

static bool output(const struct pit *pit)
{
	uint64_t ticks = elapsed(pit);

	if (is_periodic(pit) && (!pit->gate || !pit->reload))
		return true;
	if (pit->mode == MODE_SQUARE)
		return ticks % pit->reload < (pit->reload + 1) / 2;
	if (pit->mode == MODE_RATE)
		return ticks % pit->reload != pit->reload - 1;
	return pit->reload && ticks >= pit->reload;
}

static void set_gate(struct pit *pit, bool gate)
{
	if (gate == pit->gate)
		return;
	pit->counted = elapsed(pit);
	pit->since = pit->now();
	/* In the periodic modes, and in those that the gate triggers, it starts over. */
	if (gate && pit->mode != MODE_ONE_SHOT)
		pit->counted = 0;
	pit->gate = gate;
}

static void control(struct pit *pit, uint8_t value)
{
	uint8_t mode = CONTROL_MODE(value);

	if (CONTROL_CHANNEL(value) != 2)
		return;
	if (CONTROL_ACCESS(value) == ACCESS_LATCH) {
		if (!pit->latched)
			pit->latch = count(pit);
		pit->latched = true;
		return;
	}
	pit->access = CONTROL_ACCESS(value);
	pit->mode = mode > 5 ? mode - 4 : mode; /* 6 and 7 are 2 and 3 */
	pit->reload = 0;
	pit->write_high = false;
	pit->read_high = false;
	pit->latched = false;
}

static void load(struct pit *pit, uint16_t value)
{
	pit->reload = value ? value : 0x10000;
	restart(pit);
}

static void write_counter(struct pit *pit, uint8_t byte)
{
	if (pit->access == ACCESS_LOW) {
		load(pit, byte);
	} else if (pit->access == ACCESS_HIGH) {
		load(pit, (uint16_t)(byte << 8));
	} else if (!pit->write_high) {
		pit->low = byte;
		pit->write_high = true;
	} else {
		pit->write_high = false;
		load(pit, (uint16_t)(byte << 8 | pit->low));
	}
}

static uint8_t read_counter(struct pit *pit)
{
	uint16_t value = pit->latched ? pit->latch : count(pit);
	bool high = pit->access == ACCESS_HIGH || pit->read_high;

	if (pit->access == ACCESS_BOTH)
		pit->read_high = !pit->read_high;
	if (!pit->read_high)
		pit->latched = false;
	return (uint8_t)(high ? value >> 8 : value);
}

static uint32_t pit_read(void *state, uint16_t port, unsigned size)
{
	(void)size;
	return port == PORT_COUNTER ? read_counter(state) : 0xff;
}

static void pit_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	(void)size;
	if (port == PORT_COUNTER)
		write_counter(state, (uint8_t)value);
	else
		control(state, (uint8_t)value);
}

static uint32_t gate_read(void *state, uint16_t port, unsigned size)
{
	const struct pit *pit = state;
	uint32_t value = 0;

	(void)port;
	(void)size;
	if (pit->gate)
		value |= GATE_ON;
	if (pit->speaker)
		value |= GATE_SPEAKER;
	if (pit->now() / REFRESH_NS & 1)
		value |= GATE_REFRESH;
	if (output(pit))
		value |= GATE_OUT;
	return value;
}

static void gate_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	struct pit *pit = state;

	(void)port;
	(void)size;
	set_gate(pit, value & GATE_ON);
	pit->speaker = value & GATE_SPEAKER;
}

void pit_init(struct pit *pit, uint64_t (*now)(void))
{
	memset(pit, 0, sizeof(*pit));
	pit->now = now;
	pit->access = ACCESS_BOTH;
}

struct device pit_device(struct pit *pit)
{
	return (struct device){ .first = PORT_COUNTER,
		                .last = PORT_CONTROL,
		                .state = pit,
		                .read = pit_read,
		                .write = pit_write };
}

struct device pit_gate_device(struct pit *pit)
{
	return (struct device){ .first = PORT_GATE,
		                .last = PORT_GATE,
		                .state = pit,
		                .read = gate_read,
		                .write = gate_write };
}
