/* SPDX-License-Identifier: MIT */
/* Sends back what COM1 receives, up to the end of a line. */
	.code16
	.globl	_start
_start:
	mov	$0x3fd, %dx		/* line status */
	in	%dx, %al
	test	$0x01, %al		/* a byte has come */
	jz	_start
	mov	$0x3f8, %dx
	in	%dx, %al
	out	%al, %dx
	cmp	$0x0a, %al
	jne	_start
	cli
	hlt
