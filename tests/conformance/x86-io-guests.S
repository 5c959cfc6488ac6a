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

GUEST(io_in_widths)
	.code64
	in	$0x42, %al
	in	$0x42, %ax
	in	$0x42, %eax
	hlt
END(io_in_widths)
