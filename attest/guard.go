package attest

// Guarded runs work of a [Format] and turns a panic of a parser, ours or a library's, into a refusal: hostile Evidence must not end the
// process.
func Guarded(work func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic()
		}
	}()
	return work()
}

// errPanic leaves out the panic's own text, which may quote the Evidence.
func errPanic() *Error {
	return &Error{Reason: ReasonMalformed, Detail: "the parser panicked", Panic: true}
}
