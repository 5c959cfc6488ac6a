/* SPDX-License-Identifier: MIT */
/*
 * Greets on COM1, then halts for good.  Linked at 0: real mode, with DS where
 * the code is.
 */
	.code16
	.globl	_start
_start:
	cld
	mov	$greeting, %si
next:
	lodsb
	test	%al, %al
	jz	end
	mov	%al, %ah
	mov	$0x3fd, %dx		/* line status */
wait:
	in	%dx, %al
	test	$0x20, %al		/* room for a byte */
	jz	wait
	mov	$0x3f8, %dx
	mov	%ah, %al
	out	%al, %dx
	jmp	next
end:
	cli
	hlt
	jmp	end

greeting:
	.asciz	"Hello from a guest of libhy!\r\n"
