# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Which jobs of AWX or Ansible Automation Platform may start. The input is the job, as the controller sends it to OPA.
# Policy of a job template, an inventory or an organization: openflash/job/decision
#
# Working hours can be set in data.openflash.working_hours: {"days": [...], "from": 8, "to": 18, "zone": "Europe/Berlin"}
package openflash.job

import rego.v1

decision := {"allowed": count(violations) == 0, "violations": violations}

violations contains message if {
	changes
	is_object(input.extra_vars)
	some name, value in input.extra_vars
	endswith(name, "prune")
	is_true(value)
	in_working_hours
	message := sprintf("%s: nothing is pruned in working hours", [name])
}

violations contains message if {
	changes
	is_object(input.extra_vars)
	some name, value in input.extra_vars
	endswith(name, "unmap")
	is_true(value)
	message := sprintf("%s: no job deletes a mapped volume", [name])
}

# A job of which that cannot be told is not allowed to do either
violations contains message if {
	not is_object(input.extra_vars)
	message := "the variables of the job are not known"
}

changes if not input.job_type == "check"

# The answers of a survey are texts, and Ansible reads each of these as true
is_true(value) if lower(sprintf("%v", [value])) in {"true", "yes", "on", "y", "t", "1", "1.0"}

default hours := {
	"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
	"from": 8,
	"to": 18,
	"zone": "UTC",
}

hours := data.openflash.working_hours

default in_working_hours := true

# When the job was created. A time that cannot be read counts as working hours
in_working_hours := inside if {
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`, input.created)
	created := time.parse_rfc3339_ns(input.created)
	[hour, _, _] := time.clock([created, hours.zone])
	day := time.weekday([created, hours.zone])
	inside := within(day, hour)
}

within(day, hour) if {
	day in hours.days
	hour >= hours.from
	hour < hours.to
} else := false
