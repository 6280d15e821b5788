# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Which plans may be applied. The input is the result of a module of openflash.storage in check mode with diff: true,
# between the plan and its approval:
#
#   opa eval --data extensions/policy --input result.json data.openflash.plan.decision
package openflash.plan

import rego.v1

decision := {"allowed": count(violations) == 0, "violations": violations}

violations contains message if {
	some change in input.diff
	startswith(change.before_header, "volume ")
	change.after == {}
	count(change.before.mappings) > 0
	hosts := [host | some host, _ in change.before.mappings]
	message := concat("", [change.before_header, " is deleted, and hosts have it: ", concat(", ", hosts)])
}

# Without its diff a result does not tell what is deleted
violations contains message if {
	input.changed != false
	not is_array(input.diff)
	message := "the result has no diff: run the task in check mode with diff: true"
}

violations contains message if {
	not is_boolean(input.changed)
	message := "this is no result of a task"
}
