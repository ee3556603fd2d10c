package chromium

import "github.com/chromedp/cdproto/emulation"

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
