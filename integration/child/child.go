// Package child runs programs that must not outlive this one, for demos and tests.
package child

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// patience is how long a program may take to end in good order.
const patience = 15 * time.Second

// Child is a running program.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start runs cmd. When this process ends first, whatever the reason, the program is sent orphaned.
func Start(cmd *exec.Cmd, orphaned syscall.Signal) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = orphaned
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that started the program ends, so it has to stay
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// PID is the number under which the system knows the program.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the program has ended; then Err says how.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err is how the program ended, as exec.Cmd.Wait says it. Only after Done.
func (c *Child) Err() error { return c.err }

// Wait waits for the end of the program and says how it was, as exec.Cmd.Wait says it; the end of ctx is the program's too.
func (c *Child) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		c.Kill()
		return ctx.Err()
	}
}

// Await polls ready until it holds, the program, which what names, ends, or the time is over.
func (c *Child) Await(ctx context.Context, timeout time.Duration, what string, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-c.done:
			return fmt.Errorf("%s ended by itself: %v", what, c.err)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s", what, timeout)
		}
	}
	return nil
}

// Stop ends the program in good order, and at once if it does not, and waits until it is gone. A nil Child is gone.
func (c *Child) Stop() {
	if c == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // fails only for one that has ended
	select {
	case <-c.done:
	case <-time.After(patience):
		c.Kill()
	}
}

// Kill ends the program at once, as a power cut would.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill() // fails only for one that has ended
	<-c.done
}
