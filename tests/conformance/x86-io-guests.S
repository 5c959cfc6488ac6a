/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

GUEST(io_out_widths)
	.code16
	mov	$0x11223344, %eax
	out	%al, $0x42
	out	%ax, $0x42
	mov	$0x1234, %dx
	out	%eax, %dx
	hlt
END(io_out_widths)

GUEST(io_out_dx)
	.code64
	out	%al, %dx
	out	%ax, %dx
	out	%eax, %dx
	hlt
END(io_out_dx)

GUEST(io_in_widths)
	.code64
	in	$0x42, %al
	in	$0x42, %ax
	in	$0x42, %eax
	hlt
END(io_in_widths)

GUEST(io_in_dx)
	.code64
	in	%dx, %al
	in	%dx, %ax
	in	%dx, %eax
	hlt
END(io_in_dx)

/* The same bytes in every mode. */
GUEST(io_echo)
	.code32
	in	$0x42, %al
	out	%al, $0x43
	hlt
END(io_echo)

GUEST(io_edge_ports)
	.code32
	out	%al, $0
	out	%al, $0xff
	xor	%edx, %edx
	out	%al, %dx
	in	%dx, %al
	dec	%edx			/* of 0xffffffff only DX counts */
	out	%al, %dx
	in	%dx, %al
	hlt
END(io_edge_ports)

/* The prefix makes 32 bits of 16 and 16 of 32. */
GUEST(io_prefix16)
	.code16
	.byte	0x66, 0xef
	.byte	0x66, 0xed
	hlt
END(io_prefix16)

GUEST(io_prefix32)
	.code32
	.byte	0x66, 0xef
	.byte	0x66, 0xed
	hlt
END(io_prefix32)

/* REX.W: port accesses have no 64 bits. */
GUEST(io_rex)
	.code64
	.byte	0x48, 0xef
	.byte	0x48, 0xed
	hlt
END(io_rex)

GUEST(io_back_to_back)
	.code64
	.rept	32
	out	%al, $0x42
	out	%ax, $0x43
	.endr
	hlt
END(io_back_to_back)

/* Counts up with the program's help. */
GUEST(io_rounds)
	.code64
	xor	%eax, %eax
	mov	$100, %ecx
1:	out	%eax, $0x42
	in	$0x42, %eax
	inc	%eax
	dec	%ecx
	jnz	1b
	hlt
END(io_rounds)

GUEST(io_lengths)
	.code64
	out	%al, $0x42
	out	%al, %dx
	out	%ax, $0x42
	in	$0x42, %eax
	in	%dx, %al
	in	%dx, %ax
	hlt
END(io_lengths)

/* Out with what the program has put in a register meanwhile. */
GUEST(io_registers)
	.code64
	out	%al, $0x42
	mov	%ebx, %eax
	out	%eax, $0x43
	hlt
END(io_registers)

GUEST(io_in_then_push)
	.code64
	in	$0x42, %al
	push	%rbx
	hlt
END(io_in_then_push)
