/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

GUEST(deadline_spin)
	.code64
spin:
	jmp	spin
END(deadline_spin)

/* Asks and tells a port for ever. */
GUEST(deadline_ask)
	.code64
ask:
	in	$0x42, %al
	out	%al, $0x43
	jmp	ask
END(deadline_ask)

/* Adds to device memory and halts. */
GUEST(deadline_add)
	.code64
	mov	$0x200000, %ebx
	addb	$1, (%rbx)
	hlt
END(deadline_add)
