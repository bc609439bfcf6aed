package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Tab is one tab of a Browser, in a profile of its own.
type Tab struct {
	tb        testing.TB
	ctx       context.Context
	frame     cdp.FrameID // the page's own
	downloads string      // folder
	width     int64       // of the screen

	mu       sync.Mutex
	requests []string
	problems []string
	files    map[string]*download // by the browser's id
	order    []string
}

type download struct {
	name  string // as the server suggests it
	state browser.DownloadProgressState
}

// note keeps what the browser reports. It runs on the goroutine that reads from the
// browser, so it is quick and calls nothing.
func (t *Tab) note(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, e.Request.Method+" "+e.Request.URL)
	case *runtime.EventExceptionThrown:
		t.problems = append(t.problems, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		t.problems = append(t.problems, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		// That a page itself was answered with 4xx is logged as well; the status is
		// what Visit returns.
		if !strings.HasPrefix(e.Entry.Text, "Failed to load resource: the server responded with a status of") {
			t.problems = append(t.problems, fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text))
		}
	case *browser.EventDownloadWillBegin: // of any tab
		if e.FrameID != t.frame {
			return
		}
		if t.files == nil {
			t.files = make(map[string]*download)
		}
		t.files[e.GUID] = &download{name: e.SuggestedFilename}
		t.order = append(t.order, e.GUID)
	case *browser.EventDownloadProgress:
		if file := t.files[e.GUID]; file != nil {
			file.state = e.State
		}
	}
}

// Visit loads a page as by the address bar and returns the status of the answer.
func (t *Tab) Visit(url string) int {
	t.tb.Helper()
	return t.status(chromedp.Navigate(url))
}

// Press presses keys, such as kb.Tab or kb.Enter.
func (t *Tab) Press(keys string) {
	t.tb.Helper()
	if err := chromedp.Do(t.ctx, chromedp.KeyEvent(keys)); err != nil {
		t.tb.Fatalf("pressing keys: %v", err)
	}
}

// Click clicks on the one element that a CSS selector names.
func (t *Tab) Click(selector string) {
	t.tb.Helper()
	if err := chromedp.Do(t.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		t.tb.Fatalf("clicking on %s: %v", selector, err)
	}
}

// Follow clicks on an element that leads to another page and returns its status.
func (t *Tab) Follow(selector string) int {
	t.tb.Helper()
	return t.status(chromedp.Click(chromedp.CSS(selector)))
}

func (t *Tab) status(step chromedp.Action[chromedp.Void]) int {
	t.tb.Helper()
	res, err := chromedp.RunResponse(t.ctx, step)
	if err != nil {
		t.tb.Fatalf("waiting for the page: %v", err)
	}
	return int(res.Status)
}

// Text returns what can be read on the page. It needs scripts.
func (t *Tab) Text() string {
	t.tb.Helper()
	text, err := chromedp.Run(t.ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.tb.Fatalf("reading the page: %v", err)
	}
	return text
}

// Title returns the title that the tab shows. It needs no scripts.
func (t *Tab) Title() string {
	t.tb.Helper()
	info, err := chromedp.Call(t.ctx, target.GetTargetInfo, target.GetTargetInfoParams{})
	if err != nil {
		t.tb.Fatalf("reading the title: %v", err)
	}
	return info.TargetInfo.Title
}

// Downloaded waits until the nth download of the tab, from 1, is complete, and
// returns the name under which it is kept and what it holds.
func (t *Tab) Downloaded(n int) (name, text string) {
	t.tb.Helper()
	var id string
	Eventually(t.tb, "the download is complete", func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		if len(t.order) < n {
			return false
		}
		id = t.order[n-1]
		name = t.files[id].name
		if t.files[id].state == browser.DownloadProgressStateCanceled {
			t.tb.Fatalf("the download of %s was broken off", name)
		}
		return t.files[id].state == browser.DownloadProgressStateCompleted
	})
	content, err := os.ReadFile(filepath.Join(t.downloads, id))
	if err != nil {
		t.tb.Fatal(err)
	}
	return name, string(content)
}

// Downloads counts the downloads that have begun.
func (t *Tab) Downloads() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.order)
}

// Requests returns every request that a page of the tab has made, as "METHOD URL".
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.requests...)
}

// Problems returns what the browser's console holds: messages, exceptions, and what
// a security policy blocked.
func (t *Tab) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.problems...)
}
