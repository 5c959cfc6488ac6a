/* SPDX-License-Identifier: MIT */
/*
 * For assembly files of guests: each is bytes of read-only data in the program.
 *
 *	GUEST(name)
 *	.code16
 *	...
 *	END(name)
 *
 * It is loaded at CODE (0x1000).  AT(name, label) is a label's address there.
 */
#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define SYMBOL(name) PASTE(__USER_LABEL_PREFIX__, name)

#if defined(__ELF__)
#define RODATA .section .rodata, "a"
	.section .note.GNU-stack, "", %progbits
#elif defined(__APPLE__)
#define RODATA .section __TEXT, __const
#else
#define RODATA .section .rdata, "dr"
#endif

#define GUEST(name)                  \
	RODATA;                      \
	.balign 16;                  \
	.globl SYMBOL(guest_##name); \
	SYMBOL(guest_##name):

#define END(name)                            \
	.globl SYMBOL(guest_##name##_end);   \
	SYMBOL(guest_##name##_end):

#define AT(name, label) (label - SYMBOL(guest_##name) + 0x1000)
