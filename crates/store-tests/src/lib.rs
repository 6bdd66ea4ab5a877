//! Cases that every implementation of the store passes.
//!
//! An implementation of [`Database`] has a [`Harness`], and makes a test of each case:
//!
//! ```ignore
//! aicp_store_tests::suite!(MyHarness::new());
//! ```
//!
//! Cases are tests and expect as tests do: no program has this crate, but the tests that a database makes of it.
//!
//! Pictures are [in memory](aicp_blobs::MemoryBlobs), unless a case is about something else.

pub mod cases;
pub mod control;
pub mod fixture;
pub mod handle;
pub mod postgres;

use std::sync::Arc;

use aicp_store::{Database, Result};
use async_trait::async_trait;

/// A place where a database is stored, empty at first. Dropping it removes the database.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the database. It was closed before, if it was opened before.
    ///
    /// # Errors
    /// Errors of the database.
    async fn open(&self) -> Result<Arc<dyn Database>>;
}

/// Makes a test of each case, in a module per subject. The argument is an expression for a new [`Harness`]; tokio must
/// be a dependency.
#[macro_export]
macro_rules! suite {
    ($harness:expr) => {
        $crate::tests_of! {
            $harness,
            bulk {
                people_added_at_once_are_as_those_enrolled_one_by_one
                all_are_added_or_none
                a_shared_picture_goes_with_the_last_face_in_it
            }
            calls {
                the_log_keeps_calls_in_full_and_once
                kinds_are_told_apart_by_each_of_their_parts
                calls_are_found_by_app_name_and_time
                each_part_of_a_range_is_answered_from_its_sums
                of_calls_at_the_same_time_that_of_the_greater_id_is_the_latest
                many_calls_go_in_at_once
                old_calls_go_and_their_sums_stay
                days_are_recomputed_with_the_offsets_of_a_zone
                totals_and_durations_come_by_method_app_and_engine
                the_latest_calls_come_page_by_page_and_by_every_filter
            }
            changes {
                changed_libraries_and_people_are_announced
                another_node_reads_of_every_kind_what_was_announced
                changed_grants_and_keys_are_announced
                changes_are_recorded_in_order_with_their_ids
                nothing_but_the_row_id_is_recorded_of_an_account
                changes_of_a_failed_job_are_not_announced
            }
            collector {
                a_refused_write_leaves_no_picture
                a_picture_that_cannot_be_stored_is_an_error
                a_deletion_that_fails_is_made_up_for_by_the_next_removal
                a_picture_that_cannot_be_deleted_holds_up_no_other
                a_small_removal_does_not_wait_for_a_large_one
                a_removal_that_releases_no_picture_waits_for_no_other
                the_picture_of_a_removal_that_nobody_waits_for_is_deleted
                a_picture_stored_before_an_equal_one_is_deleted_is_stored_again
                a_picture_stored_while_an_equal_one_is_deleted_is_stored_again
                a_picture_stored_after_an_equal_one_is_deleted_needs_the_mark_of_that
                a_picture_is_not_lost_if_an_equal_one_comes_and_goes_before_its_row
                the_picture_of_a_write_that_was_given_up_is_deleted
                a_tombstone_lasts_as_long_as_a_write_that_needs_it_whatever_the_clock_says
                tombstones_that_no_write_needs_are_forgotten
                a_sweep_deletes_pictures_that_no_row_refers_to_and_no_others
                a_sweep_deletes_nothing_if_the_database_may_be_another_one
                a_picture_that_is_swept_while_an_equal_one_is_stored_is_not_lost
                opening_finishes_the_removals_of_before
                a_picture_stays_if_its_row_may_be_committed
                a_picture_that_a_write_removes_and_stores_again_is_kept
            }
            concurrency {
                all_are_acknowledged_and_failures_hurt_nobody_else
                one_of_many_removals_succeeds
                an_equal_picture_may_come_and_go_at_once
                a_picture_can_be_read_as_soon_as_its_row_can
                the_observer_hears_of_changes_in_commit_order_and_before_the_caller_does
                the_observer_hears_what_was_removed_and_nothing_of_failures
                a_write_whose_caller_gives_up_is_done_as_a_whole_or_not_at_all
                closing_finishes_what_is_under_way_and_refuses_the_rest
            }
            console {
                a_user_comes_with_a_person_and_survives_it
                a_refused_registration_leaves_nothing_behind
                sessions_end_when_they_expire_or_are_closed
            }
            copies {
                a_copy_has_pictures_and_templates_of_its_own_accord
                a_copy_is_made_as_a_whole_or_not_at_all
                a_copy_keeps_its_picture_while_the_source_goes
                a_face_replaces_all_others
                hidden_libraries_are_found_by_their_own_way_and_by_row_id
                people_come_in_pages_and_by_their_keys_in_an_app
                faces_are_found_by_the_beginning_of_their_picture_key
                faces_are_found_by_what_the_engine_calls_them
            }
            devices {
                a_device_is_known_once_it_was_in_a_group
                relations_bind_groups_of_one_library
                a_person_with_a_face_is_on_the_devices_of_related_groups
            }
            directory {
                entries_hold_people_with_all_their_faces
                every_change_moves_the_time_of_the_last_one
                pages_are_filtered_by_part_of_the_name_and_by_the_whole_text
                a_change_is_made_as_a_whole_or_not_at_all
                names_are_searched_as_a_plain_search_would
                who_is_gone_is_listed_no_more
                an_acknowledged_change_is_in_every_later_answer
            }
            events {
                enrolments_and_removals_are_events_of_the_app
                an_event_is_recorded_with_the_write_or_not_at_all
                old_events_go_but_never_the_last
                webhooks_and_their_deliveries_round_trip
            }
            gallery_files {
                the_file_of_a_gallery_is_known_until_its_library_goes
                the_file_of_a_gallery_is_forgotten_with_the_first_face_that_goes
                templates_come_without_those_of_some_libraries
                changes_are_kept_until_newer_ones_take_their_place
                templates_come_by_face_with_their_owners
            }
            grants {
                grants_round_trip_by_app
                an_app_has_one_grant_and_a_token_one_app
                extending_adds_what_is_not_held_and_moves_the_end
                a_deleted_grant_leaves_the_app_and_its_libraries
                setting_a_grant_takes_capabilities_away
                a_replaced_token_is_the_only_one
                apps_come_page_by_page_and_by_every_filter
            }
            groups {
                names_are_unique_per_kind_and_library
                groups_come_in_pages
                people_are_in_any_number_of_groups
            }
            idempotency {
                a_key_is_claimed_once_and_keeps_the_answer
            }
            jobs {
                jobs_round_trip_and_come_in_the_order_of_creation
                a_job_that_begins_later_is_due_from_then_on
                an_item_is_finished_once
                a_withdrawn_library_is_out_of_sight_and_its_name_is_free
            }
            judgements {
                recognisability_is_kept_with_a_template_however_it_is_stored
                what_is_not_judged_is_told_page_by_page_until_it_is
                faces_between_two_minima_are_told_as_added_or_removed
            }
            keys {
                keys_round_trip_with_what_was_counted_of_them
                signatures_are_kept_until_they_expire
                a_grant_that_was_taken_away_is_remembered_until_there_is_another
            }
            libraries {
                the_lowest_free_slot_is_told
                a_library_is_updated_by_every_face_that_comes_or_goes
                libraries_come_by_age_then_by_engine_id
                heads_of_ids_find_what_is_the_apps_own
                a_library_can_be_given_another_name
            }
            lists {
                libraries_come_after_the_one_that_was_seen
                people_come_after_the_one_that_was_seen
                a_person_is_written_as_a_whole
            }
            links {
                a_picture_gets_a_second_name_when_it_is_asked_for
                a_picture_that_is_no_file_is_copied
                a_link_goes_with_its_row_even_if_others_have_the_picture
                the_link_of_a_solved_row_lives_as_long_as_the_picture
                the_link_of_a_row_stays_until_the_row_releases_its_picture
                opening_takes_away_the_links_that_a_broken_off_run_left
                a_link_that_is_made_while_its_row_goes_does_not_stay
                a_link_that_cannot_be_removed_holds_up_no_other
            }
            operators {
                operators_are_kept_and_have_names_of_their_own
                tokens_end_with_their_operator_and_their_time
                a_face_is_sealed_anew_and_goes_with_its_operator
                acts_are_chained_and_found
            }
            outbox {
                rows_round_trip
                heads_are_the_oldest_rows_of_each_library
                unsolved_rows_are_found_by_face_and_by_library
                rows_are_listed_latest_first
                a_confirmed_face_takes_what_the_engine_said
                an_unsolved_row_keeps_its_picture
                unsolved_rows_are_counted_by_engine
            }
            people {
                people_are_found_by_any_of_their_keys_inside_their_library_only
                faces_come_newest_first
                a_person_has_the_pictures_of_its_faces
                more_than_five_thousand_ids_can_be_asked_at_once
            }
            pictures {
                removing_a_library_removes_all_in_it
                removing_a_person_removes_its_faces
                removing_a_face_leaves_the_person
                equal_pictures_share_a_file_until_the_last_is_removed
                an_empty_picture_is_a_picture
            }
            recognitions {
                entries_have_pictures_and_are_filtered
                deleted_entries_delete_their_pictures
                entries_go_with_whom_they_name_and_with_their_library
                old_entries_are_told_by_age_and_number
                entries_follow_people_who_are_merged_and_forget_those_who_move
            }
            quotas {
                quotas_round_trip_with_the_calls_that_were_counted
                people_are_counted_in_all_libraries_of_an_app
            }
            rows {
                libraries_round_trip
                people_and_faces_round_trip
                libraries_come_in_pages
                a_library_name_is_unique_in_its_app
                an_app_may_be_made_known_again
                ids_of_people_and_faces_are_unique
                what_is_not_there_is_not_found
                row_ids_are_not_reused_and_the_highest_ids_are_told
                debug_output_tells_no_secrets
            }
            settings {
                values_stay_and_each_change_is_recorded_with_what_was_before
            }
            space {
                an_enrolment_on_a_full_disk_stores_no_picture
                a_refused_write_does_not_use_up_what_is_set_aside_for_removals
                digests_are_filled_in_on_a_full_disk
            }
            social {
                members_come_in_the_order_of_the_request_and_groups_in_that_of_making
                pages_go_by_time_then_name
                a_name_with_a_zero_character_is_no_other_name
                a_deleted_account_is_gone_from_everywhere
                accounts_belong_to_a_known_app
                whose_friend_groups_a_change_affects_is_announced
            }
            moves {
                a_person_moves_with_faces_templates_and_tags
                faces_and_groups_of_merged_people_are_of_one
            }
            tags {
                people_are_found_by_their_tags
                people_are_listed_in_each_order
                people_are_found_by_their_latest_change
            }
            templates {
                templates_come_back_bit_for_bit_for_the_asked_algorithm
                every_template_comes_once_whatever_is_missing_between_them
                whoever_takes_templates_can_end_it
            }
        }
    };
}

/// Makes the tests of [`suite`].
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    ($harness:expr, $($subject:ident { $($case:ident)* })*) => {
        $crate::tests_of! { @subjects [$harness] $($subject { $($case)* })* }
    };
    (@subjects $harness:tt $($subject:ident $cases:tt)*) => {
        $($crate::tests_of! { @subject $harness $subject $cases })*
    };
    (@subject [$harness:expr] $subject:ident { $($case:ident)* }) => {
        mod $subject {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    $crate::cases::$subject::$case(Box::new($harness)).await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_suite_has_all_cases() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let listed = fs::read_to_string(folder.join("lib.rs")).expect("this file");
        let listed: Vec<&str> = listed.split_whitespace().collect();
        let mut cases = 0;
        for entry in fs::read_dir(folder.join("cases")).expect("the folder of the cases") {
            let source = fs::read_to_string(entry.expect("entry").path()).expect("a file of cases");
            for case in source.split("\npub async fn ").skip(1).filter_map(|case| case.split('(').next()) {
                assert!(listed.contains(&case), "{case} is in no suite");
                cases += 1;
            }
        }
        assert!(cases > 80, "{cases} cases");
    }
}
