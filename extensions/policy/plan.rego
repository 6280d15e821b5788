# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Which plans may be applied. The input is the result of a module of openflash.storage in check mode, between the plan
# and its approval:
#
#   opa eval --data extensions/policy --input result.json data.openflash.plan.decision
package openflash.plan

import rego.v1

decision := {"allowed": count(violations) == 0, "violations": violations}

# A volume that hosts have is only deleted after the same task has taken it from them
violations contains message if {
	some line in input.plan
	startswith(line, "delete volume ")
	volume := trim_prefix(line, "delete volume ")
	unmap := concat("", ["unmap volume ", volume, " from host "])
	named := [trim_prefix(other, unmap) | some other in input.plan; startswith(other, unmap)]
	access := concat("", ["end the access of every initiator to volume ", volume])
	hosts := array.concat(named, ["every initiator" | some other in input.plan; other == access])
	count(hosts) > 0
	message := concat("", ["volume ", volume, " is deleted, and hosts have it: ", concat(", ", hosts)])
}

# Without its plan a result does not tell what is deleted
violations contains message if {
	not is_array(input.plan)
	message := "this is no result of a task with a plan"
}

violations contains message if {
	input.failed == true
	message := "the task failed, so its plan is not complete"
}
