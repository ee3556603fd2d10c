// Package appraise puts single pieces of Evidence before the verifier, with a clock, a challenge and trust anchors of the asker's choice: the door for an
// auditor, a peer or a test. It has no check of its own. It decodes a request, calls the room that the gateway calls, and puts the
// outcome into an answer.
//
// No state, no network: a [Door] judges each request by itself.
package appraise
