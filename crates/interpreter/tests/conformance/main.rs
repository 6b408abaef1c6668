//! What every backend has to do alike: one body of tests, run once for each backend of this host.
//!
//! A backend that cannot run here is skipped with its reason, and fails where `BELLJAR_REQUIRE` names it.

mod bench;
mod ends;
mod files;
mod languages;
mod limits;
mod many;
mod state;
mod streams;

macro_rules! every_backend {
    ($($area:ident: $($name:ident)*;)*) => {
        mod native {
            $(mod $area {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        let test = concat!("native::", stringify!($area), "::", stringify!($name));
                        if let Some(bench) = crate::bench::Bench::open("native", test).await {
                            crate::$area::$name(bench).await;
                        }
                    }
                )*
            })*
        }
    };
}

every_backend! {
    state: variables_live_on contexts_do_not_share hundred_cells last_expressions_are_results displays_and_updates;
    streams: both_streams_in_order children_are_heard invalid_utf8 long_output_keeps_head_and_tail standard_input
        unread_input_stops_no_interrupt;
    ends: exceptions_with_lines syntax_errors exit_codes imports_that_fail killed_interpreters;
    limits: timeout_then_go_on deaf_code_is_killed cpu_time memory memory_of_a_child processes open_files full_disk;
    files: in_and_out changes_are_listed strange_names;
    many: fifty_sandboxes no_two_random_alike sandboxes_do_not_see_each_other;
    languages: bash_keeps_state javascript_keeps_state isolation_is_told;
}
