import type zh from "../zh/jobs";
import type { Same } from "../same";

export default {
  title: "Jobs",
} satisfies Same<typeof zh>;
