//! What the store promises, on both databases: every test here runs on SQLite and on Postgres.
#![expect(unreachable_pub, reason = "the stories' modules share their words; a test binary exports nothing")]
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

#[path = "store_contract/access.rs"]
mod access;
#[path = "store_contract/bots.rs"]
mod bots;
#[path = "store_contract/claims.rs"]
mod claims;
#[path = "store_contract/declared.rs"]
mod declared;
#[path = "store_contract/events.rs"]
mod events;
#[path = "store_contract/letters.rs"]
mod letters;
#[path = "store_contract/listing.rs"]
mod listing;
#[path = "store_contract/logins.rs"]
mod logins;
#[path = "store_contract/owner.rs"]
mod owner;
#[path = "store_contract/pruning.rs"]
mod pruning;
#[path = "support/postgres.rs"]
mod server;
#[path = "store_contract/sessions.rs"]
mod sessions;
#[path = "store_contract/settled.rs"]
mod settled;
#[path = "store_contract/steering.rs"]
mod steering;
#[path = "store_contract/tables.rs"]
mod tables;
#[path = "store_contract/taking.rs"]
mod taking;
#[path = "store_contract/talk.rs"]
mod talk;
#[path = "store_contract/timeline.rs"]
mod timeline;
#[path = "store_contract/turns.rs"]
mod turns;
#[path = "store_contract/world.rs"]
mod world;

/// Makes each story a test on each database that it is told for.
macro_rules! contract {
    (both: $both:tt sqlite: $sqlite:tt postgres: $postgres:tt) => {
        contract!(sqlite: $both $sqlite);
        contract!(postgres: $both $postgres);
    };
    ($engine:ident: [$($module:ident::$story:ident,)+] [$($own:ident::$own_story:ident,)+]) => {
        mod $engine {
            contract!($engine $($module $story)+ $($own $own_story)+);
        }
    };
    ($engine:ident $($module:ident $story:ident)+) => {$(
        #[test]
        fn $story() {
            crate::world::run(crate::world::Kind::$engine, crate::$module::$story);
        }
    )+};
}

contract! {
    both: [
        access::a_session_ends_with_its_time_its_user_and_its_token,
        access::a_token_holds_until_it_is_revoked_or_over_and_has_its_name_alone,
        access::an_act_gets_its_outcome_once_and_is_seen_by_who_reaches_it,
        turns::a_winner_moves_cursor_claim_and_actions_together,
        turns::every_refusal_says_why_and_leaves_no_trace,
        turns::losers_leave_their_neighbours_alone,
        turns::the_same_turn_again_is_known_and_writes_nothing,
        turns::a_released_claim_is_taken_anew_with_a_higher_epoch,
        taking::a_claim_on_something_new_is_empty_and_the_same_again,
        taking::a_claim_moves_with_all_that_the_pool_remembers,
        taking::a_released_claim_comes_back_with_what_was_not_sent,
        taking::a_pool_joins_nothing_again_that_it_has_done_with,
        taking::a_claim_needs_the_right_to_its_bot,
        turns::variables_change_for_winners_only,
        turns::a_turn_without_a_message_takes_a_step_at_its_place,
        turns::actions_come_back_in_the_order_of_turns,
        turns::a_full_group_lands_in_one_go,
        turns::a_dialog_twice_in_a_group_breaks_the_rule,
        turns::two_dialogs_of_a_conversation_share_a_group,
        turns::a_value_that_the_database_cannot_hold_refuses_only_itself,
        turns::equal_ids_of_other_accounts_and_pools_are_strangers,
        turns::two_bots_that_race_for_a_conversation_have_one_winner,
        turns::a_store_without_tables_says_what_to_run,
        settled::a_confirmed_action_is_gone,
        settled::a_dead_action_is_kept_with_the_platforms_words,
        settled::a_release_drops_what_was_not_sent,
        settled::only_the_holder_releases,
        settled::a_turn_and_its_release_share_a_group,
        settled::nothing_that_was_said_is_left_once_it_is_confirmed,
        claims::a_claim_lives_from_its_taking_to_its_forgetting,
        claims::every_ending_releases_and_keeps_what_comes_next,
        letters::letters_are_listed_by_filter_and_the_latest_first,
        letters::a_retried_letter_is_an_action_in_doubt_again,
        letters::a_letter_that_cannot_be_retried_says_why,
        letters::a_dropped_letter_says_who_when_and_why,
        letters::what_was_revived_is_told_until_it_is_confirmed_or_dies_again,
        talk::a_conversation_is_taken_over_until_it_is_given_back,
        talk::what_a_person_wishes_stands_in_the_outbox_once_and_is_new_to_its_bot_once,
        talk::what_is_wished_while_taken_over_answers_what_came_before,
        talk::a_wish_waits_for_whoever_takes_the_conversation_up_next,
        talk::wishes_of_before_a_process_began_are_in_doubt_and_those_of_others_are_left_alone,
        talk::what_was_wished_is_confirmed_and_forgotten_like_any_action,
        talk::wishes_past_the_bound_are_told_of_when_others_are_done,
        talk::a_consumer_is_erased_and_nothing_is_answered_twice,
        pruning::what_is_old_is_forgotten_in_batches_and_the_rest_is_kept,
        pruning::a_process_that_lost_the_fleet_forgets_nothing,
        pruning::a_claim_that_came_back_is_kept_however_long_ago_it_was_released,
        turns::a_poisoned_confirmation_or_release_holds_up_nobody,
        taking::a_poisoned_claim_holds_up_nobody,
        owner::the_second_process_is_refused_until_the_first_lets_go,
        owner::a_take_over_fences_the_old_owner_out,
        owner::an_epoch_grows_only_when_the_owner_changes,
        owner::a_fenced_process_learns_nothing_of_what_it_committed,
        owner::the_fleet_alone_gives_no_right_to_its_bots,
        owner::the_owner_is_on_record,
        bots::a_bot_is_held_off_for_its_first_reason_until_somebody_lets_it_go,
        bots::deaths_count_against_those_that_were_starting_until_they_survive,
        bots::what_people_decided_survives_the_next_declaration,
        bots::an_undeclared_bot_cannot_be_steered,
        declared::what_is_declared_last_wins_and_nothing_is_pruned,
        declared::a_process_that_lost_the_fleet_declares_nothing,
        declared::a_forgotten_bot_lets_go_of_all_it_held,
        declared::each_declaration_counts_and_its_outcome_is_told,
        listing::bots_are_listed_by_filter_and_page,
        listing::conversations_are_listed_by_filter_and_page,
        listing::the_holder_is_the_live_owner_and_its_bots,
        listing::to_look_at_a_store_makes_nothing,
        logins::a_burst_is_granted_once_over_all_processes_and_then_by_the_rate,
        logins::a_long_pause_fills_no_more_than_a_burst,
        logins::logins_that_one_process_closed_are_closed_to_all,
        logins::a_clock_that_was_set_back_closes_nothing,
        steering::a_pause_holds_until_it_is_lifted_as_it_was_made,
        steering::a_wish_for_a_fresh_token_waits_until_it_is_answered,
        steering::the_audit_is_only_added_to,
        sessions::a_session_comes_back_until_it_is_forgotten,
        sessions::another_key_opens_nothing,
        sessions::a_session_moved_to_another_row_does_not_open,
        sessions::nothing_stored_shows_a_secret,
        sessions::a_key_that_cannot_be_had_names_the_cure,
        timeline::events_of_many_bots_are_written_at_once_and_each_keeps_its_order,
        timeline::a_bot_keeps_its_latest_thousand,
        timeline::events_of_more_than_a_month_ago_are_forgotten_in_batches_by_the_owner_alone,
        events::a_reader_of_the_stream_misses_nothing_and_sees_nothing_twice,
        events::events_of_before_get_their_ids_in_order_of_time,
        events::what_was_forgotten_is_told_as_a_gap,
        events::the_store_and_a_filter_want_the_same_events,
        events::what_people_do_is_an_event_too,
        tables::an_empty_database_gets_its_tables_once,
        tables::tables_of_a_newer_muster_are_left_alone,
        tables::a_commit_is_durable,
        tables::the_banner_shows_no_password,
        tables::callers_live_on_other_runtimes,
    ]
    sqlite: [
        owner::a_dead_owner_is_recognised_at_once,
        listing::a_dead_owner_holds_nothing,
        owner::an_owner_without_the_lock_is_respected_and_gets_it_later,
        sessions::files_are_private,
    ]
    postgres: [
        owner::a_lease_expires_by_the_databases_clock,
        owner::a_take_over_waits_for_the_group_under_way,
        sessions::without_a_key_no_session_is_stored,
        tables::lost_connections_say_try_again,
    ]
}
