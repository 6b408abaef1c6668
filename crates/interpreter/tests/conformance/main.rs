//! What every backend has to do alike: one body of tests, run once for each backend and runtime of this host.
//!
//! One that cannot run here is skipped with its reason, and fails where `BELLJAR_REQUIRE` names what is missing.

mod alone;
mod bench;
mod clients;
mod commands;
#[path = "../shared/containers.rs"]
mod containers;
mod door;
mod ends;
mod figures;
mod files;
mod forks;
mod hard_forks;
mod interrupts;
mod languages;
mod leftovers;
mod limits;
mod many;
mod notebook;
mod processes;
mod results;
mod state;
mod streams;
#[path = "../shared/subject.rs"]
mod subject;
mod traces;
mod transfers;

macro_rules! every_test {
    ([$($subject:ident)*] $areas:tt) => { $(every_test!(@subject $subject $areas);)* };
    (@subject $subject:ident { $($area:ident: $($name:ident)*;)* }) => {
        mod $subject {
            $(mod $area {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        let subject = stringify!($subject);
                        let test = concat!(stringify!($subject), "::", stringify!($area), "::", stringify!($name));
                        if let Some(bench) = crate::bench::Bench::open(subject, test).await {
                            crate::$area::$name(bench).await;
                        }
                    }
                )*
            })*
        }
    };
}

every_test! { [native oci_runc oci_runsc] {
    state: variables_live_on contexts_do_not_share hundred_cells last_expressions_are_results displays_and_updates;
    notebook: magics_and_commands unicode_everywhere warnings_are_on_stderr large_and_deep_code odd_last_values;
    figures: plots_are_png tables_pictures_and_formulas;
    results: too_many_results too_large_results deep_results order_of_streams_and_results;
    streams: both_streams_in_order children_are_heard invalid_utf8 long_output_keeps_head_and_tail standard_input
        unread_input_stops_no_interrupt below_the_cap_nothing_is_lost late_output_is_nobodys closed_streams_come_back;
    ends: exceptions_with_lines lines_of_other_cells syntax_errors exit_codes imports_that_fail killed_interpreters;
    interrupts: code_sees_the_interrupt deaf_code_harms_only_its_context dropped_executions_stop
        killed_contexts_leave_no_process other_languages_are_interrupted;
    limits: timeout_then_go_on deaf_code_is_killed cpu_time memory memory_of_a_child memory_of_files processes threads
        open_files full_disk full_of_names;
    files: in_and_out changes_are_listed strange_names refusals directories;
    transfers: links_out_are_not_followed writes_are_whole hundred_megabytes;
    door: limits_that_cannot_hold others_do_not_find_it below_what_is_required nothing_to_run_it_with
        environment_and_directory environment_of_one_execution what_is_destroyed_is_lost code_that_no_sandbox_has_to_see;
    many: fifty_sandboxes fifty_that_live_at_once no_two_random_alike no_two_numpy_random_alike
        sandboxes_do_not_see_each_other;
    commands: shells_and_programs commands_read_input commands_are_stopped commands_that_cannot_start
        commands_beside_contexts parts_of_files;
    processes: what_they_write_is_heard they_read_input they_wait_for_whoever_follows they_are_killed_when_nobody_does
        they_end_and_children_stay terminals_are_terminals they_cannot_start signals_and_limits;
    clients: ports_lead_inside files_in_place watched_directories home_is_the_workspace paused_sandboxes;
    languages: bash_keeps_state bash_errors javascript_keeps_state javascript_errors typescript_keeps_state
        r_keeps_state r_errors_and_plots isolation_is_told;
    forks: forks_have_the_variables_and_files_of_their_own many_forks_and_forks_of_forks
        what_a_fork_cannot_have_is_told forks_while_something_happens a_state_takes_the_place_of_what_came_after
        a_history_goes_back_as_far_as_it_can states_give_way_where_memory_runs_out;
    hard_forks: libraries_in_forks memory_of_forks forks_that_cannot_be killed_at_any_step;
    leftovers: nothing_grows nothing_stays a_killed_host_leaves_nothing;
} }
