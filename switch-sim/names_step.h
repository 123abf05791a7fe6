/* SPDX-License-Identifier: MIT */
/*
 * names_step.h: the steps of the protocol at which a test kills or stops the process. Nothing in
 * the product.
 */
#ifndef WSD_SWITCH_NAMES_STEP_H
#define WSD_SWITCH_NAMES_STEP_H

#define NAMES_STEPS(X)                                          \
	X(join_bound)     /* owns the abstract name, deaf */    \
	X(join_ready)     /* all made, not listening yet */     \
	X(join_listening) /* listening, not serving yet */      \
	X(hello_sent)     /* newcomer asked to take part */     \
	X(welcome_read)   /* newcomer has the descriptors */    \
	X(accepted)       /* keeper has a connection */         \
	X(client_noted)   /* newcomer stands in the table */    \
	X(client_checked) /* not deposed; welcome unsent */     \
	X(welcome_sent)                                         \
	X(request_sent) /* client asked */                      \
	X(request_read) /* keeper has read it */                \
	X(bind_filled)  /* record written, not held yet */      \
	X(bind_held)    /* held, keeper not checked */          \
	X(bind_checked) /* not deposed; answer unsent */        \
	X(answer_sent)                                          \
	X(answer_read)                                          \
	X(listen_ranked) /* in rank, answer unsent */           \
	X(release_sent)                                         \
	X(release_cleared) /* not held, successor untold */     \
	X(release_told)                                         \
	X(hangup_seen) /* keeper saw a client go */             \
	X(claim_before)                                         \
	X(claimed)          /* keeper by word, nothing else */  \
	X(claim_copied)     /* has a table of its own */        \
	X(claim_called_one) /* some participants know */        \
	X(claim_called)     /* all know, not serving yet */     \
	X(call_read)        /* participant has the new table */ \
	X(deposed)          /* keeper has seen that it is not */

enum names_step {
#define NAMES_STEP_ENUM(name) NAMES_STEP_##name,
	NAMES_STEPS(NAMES_STEP_ENUM)
#undef NAMES_STEP_ENUM
		NAMES_STEP_COUNT
};

#ifdef NAMES_TEST_STEPS
void names_test_step(enum names_step step); /* the test's own */
#define NAMES_STEP(name) names_test_step(NAMES_STEP_##name)
#else
#define NAMES_STEP(name) ((void)0)
#endif

#endif
