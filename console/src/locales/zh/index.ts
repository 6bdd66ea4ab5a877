import about from "./about";
import account from "./account";
import apps from "./apps";
import audit from "./audit";
import common from "./common";
import engines from "./engines";
import errors from "./errors";
import friends from "./friends";
import jobs from "./jobs";
import libraries from "./libraries";
import operators from "./operators";
import overview from "./overview";
import people from "./people";
import picture from "./picture";
import quality from "./quality";
import recognitions from "./recognitions";
import settings from "./settings";
import setup from "./setup";
import shell from "./shell";
import signIn from "./signIn";
import statistics from "./statistics";
import tryIt from "./try";
import webhooks from "./webhooks";

const texts = { about, account, apps, audit, common, engines, errors, friends, jobs, libraries, operators, overview, people, picture, quality, recognitions, settings, setup, shell, signIn, statistics, try: tryIt, webhooks };

export default texts;
export type Texts = typeof texts;
