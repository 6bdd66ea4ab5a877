import type zh from "../zh/settings";
import type { Same } from "../same";

export default {
  title: "Settings",
} satisfies Same<typeof zh>;
