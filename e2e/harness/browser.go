package harness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Browser is a headless Chromium. It resolves no name and asks no proxy, so that a
// page that asks for anything from outside shows it and does not get it.
type Browser struct {
	tb  testing.TB
	ctx context.Context
}

// StartBrowser starts the Chromium that is found in PATH. Without one the test is
// skipped, unless $GATEHOUSE_CI is set: then it fails.
func StartBrowser(tb testing.TB) *Browser {
	tb.Helper()
	path := chromium()
	if path == "" {
		const missing = "no Chromium in PATH: install Debian's package chromium"
		if os.Getenv("GATEHOUSE_CI") != "" {
			tb.Fatal(missing)
		}
		tb.Skip(missing)
	}
	// Not tb.TempDir: what the browser's last child writes late must not fail the test.
	home, err := os.MkdirTemp("", "browser")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(home) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home),
		chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tb.Cleanup(stop)
	// The tabs are its children; it is the browser itself and must run first.
	ctx, cancel := chromedp.NewContext(allocator)
	tb.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("starting %s: %v", path, err)
	}
	return &Browser{tb, ctx}
}

// chromium returns the path of the browser, or "".
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Device is what a page is looked at with, in CSS pixels.
type Device struct {
	Width, Height int64
	Mobile        bool
}

// Desktop is a window on a desk; Phone is the narrowest screen that WCAG 2.2 asks to
// read without scrolling sideways (1.4.10).
var (
	Desktop = Device{1280, 800, false}
	Phone   = Device{320, 640, true}
)

// Open opens a tab in a profile of its own: no cache, cookie or history of another
// tab is seen. It is closed when tb ends.
func (b *Browser) Open(tb testing.TB, device Device) *Tab {
	tb.Helper()
	t := &Tab{tb: tb, downloads: tb.TempDir(), width: device.Width}
	var cancel context.CancelFunc
	t.ctx, cancel = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(t.note))
	tb.Cleanup(cancel)
	t.ctx, cancel = context.WithTimeout(t.ctx, 2*time.Minute) // a browser that hangs fails the test
	tb.Cleanup(cancel)

	emulate := chromedp.EmulateViewport(device.Width, device.Height)
	if device.Mobile {
		emulate = chromedp.EmulateViewport(device.Width, device.Height, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	if err := chromedp.Do(t.ctx, emulate); err != nil {
		tb.Fatalf("opening a tab: %v", err)
	}
	if _, err := chromedp.Call(t.ctx, network.Enable, network.EnableParams{}); err != nil {
		tb.Fatalf("watching a tab: %v", err)
	}
	t.frame = cdp.FrameID(chromedp.FromContext(t.ctx).Target.TargetID)
	if err := chromedp.ListenBrowser(t.ctx, t.note); err != nil {
		tb.Fatalf("watching downloads: %v", err)
	}
	yes := true
	_, err := chromedp.CallBrowser(t.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior:         browser.SetDownloadBehaviorBehaviorAllowAndName,
		BrowserContextID: chromedp.FromContext(t.ctx).BrowserContextID,
		DownloadPath:     t.downloads,
		EventsEnabled:    &yes,
	})
	if err != nil {
		tb.Fatalf("allowing downloads: %v", err)
	}
	return t
}

// WithoutScripts turns JavaScript off for pages that are visited from now on.
func (t *Tab) WithoutScripts() {
	t.tb.Helper()
	_, err := chromedp.Call(t.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		t.tb.Fatalf("turning scripts off: %v", err)
	}
}

// Screenshot keeps a picture of the whole page, as NAME.png in $GATEHOUSE_ARTIFACTS
// or, if that is not set, e2e/artifacts.
func (t *Tab) Screenshot(name string) {
	t.tb.Helper()
	picture, err := chromedp.Run(t.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.tb.Fatalf("taking a picture: %v", err)
	}
	dir := os.Getenv("GATEHOUSE_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join(Root(t.tb), "e2e", "artifacts")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o644); err != nil {
		t.tb.Fatal(err)
	}
}

// Overflow returns by how many CSS pixels the page is wider than the screen. A phone
// shrinks such a page, so what the browser shows at a time is no measure.
func (t *Tab) Overflow() float64 {
	t.tb.Helper()
	metrics, err := chromedp.Call(t.ctx, page.GetLayoutMetrics, cdp.Empty{})
	if err != nil {
		t.tb.Fatalf("measuring the page: %v", err)
	}
	return metrics.CSSContentSize.Width - float64(t.width)
}
