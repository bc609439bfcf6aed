package policies

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

const (
	// maxCost bounds the work of asking a condition once, in CEL's units, of which an
	// element of a list that is gone through costs about five. CEL's own bookkeeping of
	// the cost takes time that grows with its square: some milliseconds for this much. The
	// worst that BenchmarkCondition asks takes some 15 ms of one processor.
	maxCost = 5_000

	// zoneCost is what it costs to look up a time zone, which is read from a file.
	zoneCost = 1_000
)

// costs are what CEL's functions cost, where CEL itself counts less than their work, or
// nothing. All is counted only when the work is done, but the values that conditions see
// are small (maxElements, MaxFact), and so is what one function does with them.
func costs() cel.ProgramOption {
	options := []interpreter.CostTrackerOption{
		interpreter.OverloadCostTracker(overloads.Equals, comparing),
		interpreter.OverloadCostTracker(overloads.NotEquals, comparing),
		interpreter.OverloadCostTracker(overloads.InList, func(args []ref.Val, _ ref.Val) *uint64 { return spent(extent(args[1])) }),
		// A map macro adds its elements one by one; what stands in front was counted before.
		interpreter.OverloadCostTracker(overloads.AddList, func(args []ref.Val, _ ref.Val) *uint64 { return spent(extent(args[1])) }),
	}
	for _, reads := range []string{
		overloads.SizeString, overloads.SizeStringInst, overloads.StringToBool, overloads.StringToInt, overloads.StringToUint, overloads.StringToDouble,
		overloads.StringToDuration, overloads.StringToTimestamp,
	} {
		options = append(options, interpreter.OverloadCostTracker(reads, func(args []ref.Val, _ ref.Val) *uint64 { return spent(extent(args[0])) }))
	}
	for _, matches := range []string{overloads.Matches, overloads.MatchesString} {
		options = append(options, interpreter.OverloadCostTracker(matches, matching))
	}
	for _, inZone := range []string{
		overloads.TimestampToYearWithTz, overloads.TimestampToMonthWithTz, overloads.TimestampToDayOfYearWithTz,
		overloads.TimestampToDayOfMonthZeroBasedWithTz, overloads.TimestampToDayOfMonthOneBasedWithTz, overloads.TimestampToDayOfWeekWithTz,
		overloads.TimestampToHoursWithTz, overloads.TimestampToMinutesWithTz, overloads.TimestampToSecondsWithTz,
		overloads.TimestampToMillisecondsWithTz,
	} {
		options = append(options, interpreter.OverloadCostTracker(inZone, func([]ref.Val, ref.Val) *uint64 { return spent(zoneCost) }))
	}
	return cel.CostTrackerOptions(options...)
}

func spent(cost int) *uint64 {
	u := uint64(cost)
	return &u
}

// comparing is the cost of "==" and "!=": lists and maps are gone through if they have the
// same number of elements.
func comparing(args []ref.Val, _ ref.Val) *uint64 {
	a, ok := args[0].(traits.Sizer)
	b, alike := args[1].(traits.Sizer)
	if !ok || !alike || a.Size() != b.Size() {
		return spent(1)
	}
	return spent(extent(args[0]) + extent(args[1]))
}

// matching is the cost of a regular expression of any size up to maxRegexp: one for each
// two bytes of the text.
func matching(args []ref.Val, _ ref.Val) *uint64 {
	text, _ := args[0].(types.String)
	return spent(1 + len(text)/2)
}

// extent is the number of elements in a value, the value itself and those of its elements
// included, and one for each ten bytes of their texts. It stops counting at what is too
// much.
func extent(value ref.Val) (count int) {
	switch value := value.(type) {
	case types.String:
		return 1 + len(value)/10
	case types.Bytes:
		return 1 + len(value)/10
	case traits.Mapper:
		for next := value.Iterator(); next.HasNext() == types.True && count <= maxCost; {
			key := next.Next()
			count += extent(key) + extent(value.Get(key))
		}
	case traits.Lister:
		for next := value.Iterator(); next.HasNext() == types.True && count <= maxCost; {
			count += extent(next.Next())
		}
	}
	return 1 + count
}
