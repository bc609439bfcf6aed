package coordinator

import (
	"regexp"
	"strings"
)

// The shapes of what the API takes. The order of checks and members is that of BitBroker's own
// schemas, and so is that of the faults which are told.

const slugPattern = "^[a-z][a-z0-9-]+$"

var isSlug = regexp.MustCompile(slugPattern)

var (
	slugShape        = schema{ofType("string"), matches(slugPattern, isSlug.MatchString), minLength(3), maxLength(32)}
	nameShape        = text(1, 64)
	descriptionShape = text(1, 2048)
	stringShape      = text(1, 256)
	searchShape      = text(1, 16)
	tagsShape        = schema{ofType("array"), uniqueItems(), maxItems(16), items(nameShape)}
	addendumShape    = schema{ofType("object")}
)

func text(shortest, longest int) schema {
	return schema{ofType("string"), minLength(shortest), maxLength(longest)}
}

// webPattern is of the addresses of webhooks and of legal documents.
const webPattern = "^https?://.*$"

var isWeb = regexp.MustCompile("^https?://[^\\n\\r\u2028\u2029]*$")

var isURI = regexp.MustCompile("^[a-zA-Z][a-zA-Z0-9+.-]*:[^" + whitespace + "]*$")

var webShape = schema{ofType("string", "null"), maxLength(1024), ofFormat("uri", isURI.MatchString), matches(webPattern, isWeb.MatchString)}

var isEmail = regexp.MustCompile("^(?:[\\w!#$%&'*+\\-/=?^`{|}~]+\\.)*[\\w!#$%&'*+\\-/=?^`{|}~]+@" +
	`(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?` +
	`|\[(?:(?:[01]?\d{1,2}|2[0-4]\d|25[0-5])\.){3}(?:[01]?\d{1,2}|2[0-4]\d|25[0-5])\])$`)

var userShape = schema{
	ofType("object"),
	properties(
		property{"name", nameShape},
		property{"email", schema{ofType("string"), ofFormat("email", isEmail.MatchString), minLength(1), maxLength(256)}},
		property{"organization", nameShape},
	),
	required("name", "email", "organization"),
}

var connectorShape = schema{
	ofType("object"),
	properties(
		property{"name", nameShape},
		property{"description", descriptionShape},
		property{"cache", schema{ofType("integer"), atLeast(0), atMost(31_536_000)}},
		property{"webhook", webShape},
	),
	required("name", "description"),
}

// durationPattern is of periods as of ISO 8601. What it looks ahead for, RE2 cannot.
const durationPattern = `^P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`

var durationParts = regexp.MustCompile(strings.Replace(durationPattern, `(?=\d|T\d)`, "", 1))

var durationStart = regexp.MustCompile(`^P(?:\d|T\d)`)

func isDuration(text string) bool {
	return durationStart.MatchString(text) && durationParts.MatchString(text)
}

var entityShape = schema{
	ofType("object"),
	properties(
		property{"name", nameShape},
		property{"description", descriptionShape},
		property{"schema", schema{ofType("object")}},
		property{"tags", tagsShape},
		property{"icon", schema{ofType("string"), maxLength(256)}},
		property{"timeseries", schema{
			ofType("object"),
			names(slugShape),
			each(schema{
				ofType("object"),
				properties(
					property{"period", schema{ofType("string"), matches(durationPattern, isDuration)}},
					property{"value", stringShape},
					property{"unit", stringShape},
				),
				required("period", "value", "unit"),
				noOther("period", "value", "unit"),
			}),
		}},
	),
	required("name", "description"),
}

var policyShape = schema{
	ofType("object"),
	properties(
		property{"name", nameShape},
		property{"description", descriptionShape},
		property{"policy", schema{
			ofType("object"),
			properties(
				property{"access_control", accessControlShape},
				property{"data_segment", dataSegmentShape},
				property{"legal_context", schema{ofType("array"), maxItems(100), items(legalShape)}},
			),
			required("access_control", "data_segment", "legal_context"),
		}},
		property{"tags", tagsShape},
	),
	required("name", "description", "policy"),
}

var countShape = schema{ofType("integer"), atLeast(0)}

var accessControlShape = schema{
	ofType("object"),
	properties(
		property{"enabled", schema{ofType("boolean")}},
		property{"quota", schema{
			ofType("object"),
			properties(property{"max_number", countShape}, property{"interval_type", schema{oneOf("day", "month")}}),
		}},
		property{"rate", countShape},
	),
	required("enabled"),
}

var dataSegmentShape = schema{
	ofType("object"),
	properties(
		property{"segment_query", schema{ofType("object")}},
		property{"field_masks", schema{ofType("array"), items(schema{ofType("string")})}},
	),
	required("segment_query"),
}

var legalShape = schema{
	ofType("object"),
	properties(
		property{"type", schema{oneOf("attribution", "contact", "license", "note", "source", "terms")}},
		property{"text", stringShape},
		property{"link", webShape},
	),
	required("type", "text", "link"),
}
