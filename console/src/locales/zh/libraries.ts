export default {
  title: "底库与人员",
};
