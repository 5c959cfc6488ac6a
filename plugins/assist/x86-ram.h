/* SPDX-License-Identifier: MIT */
/*
 * Guest memory, as the host sees it.  Every access to it is made here: other
 * processors and the program access it at the same time by nature, at any
 * alignment.  Accesses of 1, 2, 4 and 8 bytes are one of the host's, and seen in
 * the order that x86 promises (SDM vol. 3, section 9.2.2).
 */
#ifndef HY_ASSIST_X86_RAM_H
#define HY_ASSIST_X86_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Races here are the guest's own; x86 hosts take atomic accesses at any address. */
#define XE_RAM __attribute__((no_sanitize("thread", "alignment")))

struct xe_ram16 {
	uint16_t value;
} __attribute__((packed, may_alias));
struct xe_ram32 {
	uint32_t value;
} __attribute__((packed, may_alias));
struct xe_ram64 {
	uint64_t value;
} __attribute__((packed, may_alias));

typedef uint16_t __attribute__((may_alias)) xe_ram_u16;
typedef uint32_t __attribute__((may_alias)) xe_ram_u32;
typedef uint64_t __attribute__((may_alias)) xe_ram_u64;

#if defined(__x86_64__) || defined(__i386__)
/* The compiler must keep the order; the host does. */
static inline void xe_ram_after_load(void)
{
	__atomic_signal_fence(__ATOMIC_ACQUIRE);
}

static inline void xe_ram_before_store(void)
{
	__atomic_signal_fence(__ATOMIC_RELEASE);
}

static inline bool xe_ram_can_swap(const uint8_t *host, size_t size)
{
	(void)host, (void)size;
	return true;
}
#else
static inline void xe_ram_after_load(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void xe_ram_before_store(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline bool xe_ram_can_swap(const uint8_t *host, size_t size)
{
	return (uintptr_t)host % size == 0;
}
#endif

XE_RAM static inline uint64_t xe_ram_load8(const uint8_t *host)
{
	uint64_t value = ((const volatile struct xe_ram64 *)host)->value;

	xe_ram_after_load();
	return value;
}

/* Of other sizes than 1, 2, 4 and 8: the pieces of an access that crosses pages, byte by byte. */
XE_RAM static inline uint64_t xe_ram_load_bytes(const uint8_t *host, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)((const volatile uint8_t *)host)[i] << 8 * i;
	xe_ram_after_load();
	return value;
}

XE_RAM static inline uint64_t xe_ram_load(const uint8_t *host, size_t size)
{
	uint64_t value;

	switch (size) {
	case 1:
		value = *(const volatile uint8_t *)host;
		break;
	case 2:
		value = ((const volatile struct xe_ram16 *)host)->value;
		break;
	case 4:
		value = ((const volatile struct xe_ram32 *)host)->value;
		break;
	case 8:
		return xe_ram_load8(host);
	default:
		return xe_ram_load_bytes(host, size);
	}
	xe_ram_after_load();
	return value;
}

XE_RAM static inline void xe_ram_store_bytes(uint8_t *host, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		((volatile uint8_t *)host)[i] = (uint8_t)(value >> 8 * i);
}

XE_RAM static inline void xe_ram_store(uint8_t *host, size_t size, uint64_t value)
{
	xe_ram_before_store();
	switch (size) {
	case 1:
		*(volatile uint8_t *)host = (uint8_t)value;
		break;
	case 2:
		((volatile struct xe_ram16 *)host)->value = (uint16_t)value;
		break;
	case 4:
		((volatile struct xe_ram32 *)host)->value = (uint32_t)value;
		break;
	case 8:
		((volatile struct xe_ram64 *)host)->value = value;
		break;
	default:
		xe_ram_store_bytes(host, size, value);
	}
}

/* The largest of 8, 4, 2, 1 that is no more than `size`. */
static inline size_t xe_ram_unit(size_t size)
{
	return size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
}

static inline void xe_ram_read(const uint8_t *host, void *data, size_t size)
{
	uint8_t *to = data;

	for (size_t unit; size; host += unit, to += unit, size -= unit) {
		uint64_t value;

		unit = xe_ram_unit(size);
		value = xe_ram_load(host, unit);
		__builtin_memcpy(to, &value, unit);
	}
}

static inline void xe_ram_write(uint8_t *host, const void *data, size_t size)
{
	const uint8_t *from = data;

	for (size_t unit; size; host += unit, from += unit, size -= unit) {
		uint64_t value = 0;

		unit = xe_ram_unit(size);
		__builtin_memcpy(&value, from, unit);
		xe_ram_store(host, unit, value);
	}
}

/*
 * Stores `value` if `old` is still there, atomically.  `host` is one that
 * xe_ram_can_swap: aligned, or anywhere on x86, whose LOCK doesn't ask.
 */
XE_RAM static inline bool xe_ram_swap(uint8_t *host, size_t size, uint64_t old, uint64_t value)
{
	uint8_t old8 = (uint8_t)old;
	uint16_t old16 = (uint16_t)old;
	uint32_t old32 = (uint32_t)old;

	switch (size) {
	case 1:
		return __atomic_compare_exchange_n(host, &old8, (uint8_t)value, false, __ATOMIC_SEQ_CST,
		                                   __ATOMIC_SEQ_CST);
	case 2:
		return __atomic_compare_exchange_n((xe_ram_u16 *)(void *)host, &old16, (uint16_t)value, false,
		                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	case 4:
		return __atomic_compare_exchange_n((xe_ram_u32 *)(void *)host, &old32, (uint32_t)value, false,
		                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	default:
		return __atomic_compare_exchange_n((xe_ram_u64 *)(void *)host, &old, value, false,
		                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
}

/*
 * The same for 16 bytes: old[] gets what was there.  Atomic on x86-64, where
 * `host` is a multiple of 16 as CMPXCHG16B wants it; elsewhere two accesses of 8
 * bytes, that other processors may see apart.
 */
#if defined(__x86_64__)
XE_RAM static inline bool xe_ram_swap16(uint8_t *host, uint64_t old[2], const uint64_t expected[2],
                                        const uint64_t wanted[2])
{
	bool equal;

	old[0] = expected[0];
	old[1] = expected[1];
	__asm__ volatile("lock cmpxchg16b %0"
	                 : "+m"(*(struct { uint64_t q[2]; } __attribute__((may_alias)) *)(void *)host), "=@ccz"(equal),
	                   "+a"(old[0]), "+d"(old[1])
	                 : "b"(wanted[0]), "c"(wanted[1])
	                 : "memory");
	return equal;
}
#else
static inline bool xe_ram_swap16(uint8_t *host, uint64_t old[2], const uint64_t expected[2],
                                 const uint64_t wanted[2])
{
	bool equal;

	xe_ram_read(host, old, 16);
	equal = old[0] == expected[0] && old[1] == expected[1];
	if (equal)
		xe_ram_write(host, wanted, 16);
	return equal;
}
#endif

#endif /* HY_ASSIST_X86_RAM_H */
