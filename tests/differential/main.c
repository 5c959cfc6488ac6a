/* SPDX-License-Identifier: MIT */
/* differential: compares the executor with something else, see differential.h. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <Zydis/Zydis.h>

#include "differential.h"

#define EXIT_SKIP 77

static const struct df_side *const sides[] = {
#ifdef HAVE_UNICORN
	&df_unicorn,
#endif
#ifdef HAVE_LINUX_SIDES
	&df_processor,
	&df_kvm,
#endif
	NULL
};

struct options {
	struct df_choice choice;
	uint64_t seed, count;
	uint64_t one; /* the case to replay */
	bool replay, table, go_on;
	unsigned long wanted; /* times that each mnemonic must have been compared */
};

static unsigned long compared[ZYDIS_MNEMONIC_MAX_VALUE + 1];
static uint64_t executed;
static unsigned long lost, refused, differences, completed;

/* --- Options --------------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: differential --against SIDE [--count N] [--seed S] [--case SEED] [--mnemonic NAME]\n"
	      "                    [--mode NAME] [--table] [--at-least N] [--go-on]\n",
	      stderr);
	exit(2);
}

static const struct df_side *side_named(const char *name)
{
	for (unsigned i = 0; sides[i]; i++)
		if (!strcmp(sides[i]->name, name))
			return sides[i];
	printf("SKIP: %s: not built here\n", name);
	exit(EXIT_SKIP);
}

static unsigned mnemonic_named(const char *name)
{
	for (unsigned i = 1; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++)
		if (!strcmp(ZydisMnemonicGetString((ZydisMnemonic)i), name))
			return i;
	fprintf(stderr, "differential: no mnemonic '%s'\n", name);
	exit(2);
}

static int mode_named(const char *name)
{
	for (unsigned i = 0; i < DF_MODES; i++)
		if (!strcmp(df_modes[i].name, name))
			return (int)i;
	fprintf(stderr, "differential: no mode '%s'\n", name);
	exit(2);
}

static void read_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = { { "against", 1, NULL, 'a' }, { "count", 1, NULL, 'n' },
		                               { "seed", 1, NULL, 's' },    { "case", 1, NULL, 'c' },
		                               { "mnemonic", 1, NULL, 'm' }, { "mode", 1, NULL, 'o' },
		                               { "table", 0, NULL, 't' },   { "go-on", 0, NULL, 'g' },
		                               { "at-least", 1, NULL, 'l' }, { NULL, 0, NULL, 0 } };
	int option;

	*o = (struct options){ .choice = { .mode = -1 }, .count = 10000, .seed = (uint64_t)time(NULL) };
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'a':
			o->choice.side = side_named(optarg);
			break;
		case 'n':
			o->count = strtoull(optarg, NULL, 0);
			break;
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			o->one = strtoull(optarg, NULL, 0);
			o->replay = true;
			break;
		case 'm':
			o->choice.mnemonic = mnemonic_named(optarg);
			break;
		case 'o':
			o->choice.mode = mode_named(optarg);
			break;
		case 't':
			o->table = true;
			break;
		case 'g':
			o->go_on = true;
			break;
		case 'l':
			o->wanted = strtoul(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (!o->choice.side || optind < argc)
		usage();
}

/* --- Cases ------------------------------------------------------------------------------- */

static void print_replay(const struct options *o, const struct df_case *c)
{
	printf("differs: differential --against %s --case 0x%" PRIx64, o->choice.side->name, c->seed);
	if (o->choice.mnemonic)
		printf(" --mnemonic %s", ZydisMnemonicGetString((ZydisMnemonic)o->choice.mnemonic));
	if (o->choice.mode >= 0)
		printf(" --mode %s", df_modes[o->choice.mode].name);
	putchar('\n');
}

/* It branched to where no HLT is. */
static bool is_endless(const struct options *o, const struct df_result *ours)
{
	return o->choice.side->delivers && (ours->outcome == DF_DONE || ours->outcome == DF_OUTSIDE);
}

/* A difference counts where it shows without what came before. */
static bool is_known(const struct options *o, const struct df_case *c, unsigned *diff, const struct df_result *ours,
                     struct df_result *theirs)
{
	const struct df_side *side = o->choice.side;

	if (!*diff || df_known(side, c, *diff, ours, theirs) >= 0)
		return true;
	if (!side->renew)
		return false;
	side->renew();
	side->run(c, theirs, 1);
	*diff = df_compare(c, ours, theirs);
	return !*diff || df_known(side, c, *diff, ours, theirs) >= 0;
}

static void judge(const struct options *o, const struct df_case *c, struct df_result *theirs)
{
	static struct df_result ours;
	unsigned diff;

	if (theirs->outcome == DF_LOST) {
		lost++;
		if (o->replay || o->go_on)
			printf("lost: 0x%" PRIx64 ": %s\n", c->seed, theirs->text);
		if (!o->replay)
			return;
	}
	df_ours(c, &ours);
	/* What the executor lacks it says: forms of a mnemonic that the table has for others. */
	if ((ours.outcome == DF_REFUSED || ours.changed_tables || is_endless(o, &ours)) && !o->replay) {
		refused++;
		return;
	}
	diff = df_compare(c, &ours, theirs);
	compared[c->mnemonic]++;
	completed += theirs->outcome != DF_FAULT;
	if (o->replay)
		df_print_case(c);
	if (!is_known(o, c, &diff, &ours, theirs)) {
		differences++;
		print_replay(o, c);
		if (!o->replay)
			df_print_case(c);
		df_print_results(c, diff, &ours, theirs);
	} else if (o->replay) {
		df_print_results(c, diff, &ours, theirs);
	}
}

static void run_cases(const struct options *o)
{
	static struct df_case cases[DF_BATCH];
	static struct df_result results[DF_BATCH];
	struct df_random seeds = { o->seed };

	for (uint64_t i = 0; i < o->count; i += DF_BATCH) {
		size_t count = o->count - i < DF_BATCH ? (size_t)(o->count - i) : DF_BATCH;

		for (size_t j = 0; j < count; j++)
			df_generate(o->replay ? o->one : df_next(&seeds), &cases[j]);
		o->choice.side->run(cases, results, count);
		for (size_t j = 0; j < count; j++)
			judge(o, &cases[j], &results[j]);
		executed += count;
		if (differences && !o->go_on)
			return;
	}
}

/* --- The table -------------------------------------------------------------------------------- */

static int print_table(const struct options *o)
{
	int few = 0;

	for (unsigned i = 1; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++) {
		if (!df_can_encode(i))
			continue;
		if (o->table)
			printf("table: %-10s %-16s %lu\n", o->choice.side->name,
			       ZydisMnemonicGetString((ZydisMnemonic)i), compared[i]);
		few += compared[i] < o->wanted;
	}
	return few;
}

int main(int argc, char **argv)
{
	struct options o;
	const char *reason;
	int few;

	read_options(argc, argv, &o);
	reason = o.choice.side->open(&o.choice.features, &o.choice.xcr0);
	if (reason) {
		printf("SKIP: %s: %s\n", o.choice.side->name, reason);
		return EXIT_SKIP;
	}
	df_generator_open(&o.choice);
	df_ours_open(&o.choice);
	if (o.replay)
		o.count = 1;
	else
		printf("seed: %s: 0x%" PRIx64 "\n", o.choice.side->name, o.seed);
	fflush(stdout);
	run_cases(&o);
	few = print_table(&o);
	df_print_known();
	printf("%s: %" PRIu64 " cases, %lu without a fault, %lu lost, %lu refused, %lu differ\n",
	       o.choice.side->name, executed, completed, lost, refused, differences);
	if (few)
		printf("%s: %d mnemonics were compared less than %lu times\n", o.choice.side->name, few, o.wanted);
	o.choice.side->close();
	return differences || few ? 1 : 0;
}
