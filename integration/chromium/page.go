package chromium

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
)

// ForgetCookies ends every session of the person in this browser.
func (b *Browser) ForgetCookies() error {
	_, err := call(b, network.ClearBrowserCookies, cdp.Empty{})
	return err
}

// SetWidth makes the window so wide, in CSS pixels, as that of a small phone.
func (b *Browser) SetWidth(pixels int64) error {
	_, err := call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 640, DeviceScaleFactor: 1, Mobile: true})
	return err
}

// SetScripts says whether pages that are opened from now on may run scripts. [Eval] runs its own all the same.
func (b *Browser) SetScripts(ok bool) error {
	_, err := call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !ok})
	return err
}
