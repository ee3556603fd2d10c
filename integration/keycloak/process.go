package keycloak

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that does not outlive us.
type process struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the child is gone
}

// start runs bash until ctx ends. It is asked with SIGTERM first, so that
// a start script can take down what it has started itself.
func start(ctx context.Context, log io.Writer, args []string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "bash", args...) //nolint:gosec // the arguments are ours and the test's
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}

	p := &process{cancel: cancel, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The kernel sends Pdeathsig when the thread that started the child
		// ends, so this thread must last as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // that it ended is all that matters
		}
	}()
	if err := <-started; err != nil {
		cancel()
		return nil, fmt.Errorf("starting Keycloak: %v", err)
	}
	return p, nil
}

// stop ends the child and waits until it is gone.
func (p *process) stop() {
	p.cancel()
	<-p.done
}
