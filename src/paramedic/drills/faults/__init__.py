"""Every fault a drill can inject, grouped by what breaks."""

from paramedic.drills.fault import Fault
from paramedic.drills.faults import configuration, controls, databases, disks, network, pressure, processes

FAULTS: dict[str, Fault] = {
    each.id: each
    for each in (
        processes.kill,
        processes.hang,
        processes.break_every_start,
        processes.leave_a_stale_instance,
        processes.let_a_stranger_in,
        processes.declare_what_never_ran,
        processes.spoil_what_no_restart_brings_back,
        configuration.remove_a_field,
        configuration.set_an_impossible_value,
        configuration.cut_in_the_middle,
        configuration.delete_the_settings,
        configuration.delete_the_environment,
        configuration.unset_a_variable,
        configuration.break_the_client,
        disks.fill_the_disk,
        disks.use_up_the_inodes,
        pressure.leak_descriptors,
        pressure.grow,
        network.stop_listening,
        network.fill_the_backlog,
        network.fail_a_third,
        network.come_and_go,
        databases.delete_the_file,
        databases.overwrite_a_page,
        databases.drop_a_table,
        databases.hold_the_lock,
        controls.leave_alone,
        controls.restart_on_purpose,
        controls.miss_nothing,
        controls.step_the_clock,
    )
}
