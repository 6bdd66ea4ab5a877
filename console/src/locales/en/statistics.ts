import type zh from "../zh/statistics";
import type { Same } from "../same";

export default {
  title: "Statistics",
} satisfies Same<typeof zh>;
