import { Flex, Typography } from "antd";
import { Failure } from "../api/failure";
import { FailurePanel } from "./states";

/** Codes whose title, in the server's words, has particulars that the console's own text lacks. */
const PARTICULAR = ["settingNotValid", "settingLocked", "settingChangedSince", "secretSet", "stillSealed", "passwordNotValid"];

/** Shows that something failed, with the server's own words where these say more. */
export function ReasonedFailure({ failure }: { failure: unknown }) {
  const hasMore = failure instanceof Failure && PARTICULAR.includes(failure.code);
  return (
    <Flex vertical gap={4}>
      <FailurePanel failure={failure} />
      {hasMore && (
        <Typography.Text type="secondary" lang="en">
          {failure.message}
        </Typography.Text>
      )}
    </Flex>
  );
}
